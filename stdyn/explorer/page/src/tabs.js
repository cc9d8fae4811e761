// The views, one at a time, each behind a tab.

import { fresh, make, symbol } from "./dom.js";

/** The tabs, and the place of the view that is looked at; `changed(view, byHand)` is called when it is another one. */
export function tabbed(views, changed) {
  const tabs = make("div", { class: "tabs", role: "tablist", "aria-label": "views" });
  const place = make("div", { class: "view", role: "tabpanel", id: fresh("view") });
  let chosen = null;

  function choose(next, byHand = false) {
    chosen?.left?.();
    chosen = next;
    [...tabs.children].forEach((tab, j) => {
      tab.setAttribute("aria-selected", String(views[j] === next));
      tab.tabIndex = views[j] === next ? 0 : -1;
      if (views[j] === next) place.setAttribute("aria-labelledby", tab.id);
    });
    place.replaceChildren(next.element);
    offer();
    changed(next, byHand);
  }

  /** Hide the tabs of views that say that there is nothing for them, but not that which is looked at. */
  function offer() {
    views.forEach((each, j) => { tabs.children[j].hidden = each !== chosen && each.there?.() === false; });
  }

  tabs.append(...views.map((each) => make("button", { type: "button", role: "tab", name: each.name, id: fresh("tab"), "aria-controls": place.id, onclick: () => choose(each, true) }, symbol(each.title))));
  tabs.addEventListener("keydown", (event) => {
    const all = [...tabs.children].filter((tab) => !tab.hidden);
    const now = all.indexOf(event.target);
    const wanted = { ArrowRight: now + 1, ArrowLeft: now - 1, Home: 0, End: -1 }[event.key];
    if (wanted === undefined) return;
    event.preventDefault();
    const next = all.at(wanted % all.length);
    next.focus();
    next.click();
  });
  return { elements: [tabs, place], choose, offer };
}
