// What a control is, in words, wherever it is moved from; and the controls as a sheet where the page is narrow.

import { fresh, make } from "./dom.js";

/** A line below the controls: what the one is that has the focus or the pointer, and why it is of no use if it is. */
export function helped(form) {
  const line = make("p", { class: "help", id: fresh("help") });
  function say(target) {
    const row = target.closest?.(".row[data-help]");
    if (!row) return;
    line.replaceChildren(row.dataset.help, ...(row.dataset.why ? [" ", make("b", {}, `It is ${row.dataset.why}.`)] : []));
    if (target.matches("input, select")) target.setAttribute("aria-describedby", line.id);
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
