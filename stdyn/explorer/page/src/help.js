// What a control is, in words, wherever it is moved from; and the controls as a sheet where the page is narrow.

import { fresh, make } from "./dom.js";

/** A line below the controls: what the one is that has the focus, or else the pointer. */
export function helped(form) {
  const line = make("p", { class: "help", id: fresh("help") });
  function say(target) {
    const row = target.closest?.(".row[data-help]");
    if (!row) return;
    line.textContent = row.dataset.help;
    const why = row.querySelector(".why:not([hidden])");
    if (target.matches("input, select")) target.setAttribute("aria-describedby", [line, why].filter(Boolean).map(({ id }) => id).join(" "));
  }
  form.addEventListener("focusin", ({ target }) => say(target));
  form.addEventListener("pointerover", ({ target }) => { if (!form.contains(document.activeElement)) say(target); });
  return line;
}

/** The controls with a button that folds them; only a narrow page shows it. */
export function sheet(form) {
  form.id ||= fresh("controls");
  const button = make("button", {
    type: "button", class: "handle", "aria-expanded": "true", "aria-controls": form.id,
    onclick: () => {
      const isOpen = button.getAttribute("aria-expanded") !== "true";
      button.setAttribute("aria-expanded", String(isOpen));
      form.classList.toggle("folded", !isOpen);
    },
  }, "parameters");
  return make("div", { class: "sheet" }, button, form);
}
