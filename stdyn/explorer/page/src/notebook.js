// The page as a widget of a notebook. Several views may show one widget: each has messages of its own, and all have the
// parameters of the widget, which Python sees and sets.

import { make } from "./dom.js";

const PATIENCE = 2000; // ms after which a kernel that says nothing is asked whether it is there, and then said to be away
const BUSY = "The kernel does not answer. This goes on when the cell that runs has ended; if the kernel has ended, run the cell of the explorer again.";
const AWAY = "No kernel answers. Run the cell of the explorer again to move what it shows: ";

let count = 0;

/** A model for one view: it hears the answers to its own messages. `away(whether)` is told of a silent kernel. */
function ofView(model, away) {
  const view = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}-${++count}`;
  const listeners = [];
  let clock = null;
  function send(message) {
    try {
      model.send({ ...message, view });
    } catch { // the kernel has been started again, and knows nothing of this widget
      away(true);
    }
  }
  function asked() {
    clock ??= setTimeout(() => {
      send({ kind: "there" });
      clock = setTimeout(() => away(true), PATIENCE);
    }, PATIENCE);
  }
  function heard() {
    clearTimeout(clock);
    clock = null;
    away(false);
  }
  model.on("msg:custom", (header, buffers) => {
    if (header.view !== view) return;
    heard();
    for (const listener of listeners) listener(header, buffers);
  });
  return {
    on: (_, listener) => listeners.push(listener),
    send(message) {
      if (message.kind !== "stop") asked(); // which nothing answers
      send(message);
    },
    end() {
      clearTimeout(clock);
      send({ kind: "end" });
    },
  };
}

/** Whether two values are the same, in whatever order the keys stand. */
function same(one, other) {
  if (one === null || other === null || typeof one !== "object" || typeof other !== "object") return one === other;
  const [names, others] = [Object.keys(one), Object.keys(other)];
  return names.length === others.length && Array.isArray(one) === Array.isArray(other) && names.every((name) => name in other && same(one[name], other[name]));
}

/** What is set, in words, for who has no kernel. */
const inWords = (state) => Object.entries(state).map(([name, value]) => `${name} = ${typeof value === "string" ? value : JSON.stringify(value)}`).join(", ");

/** What a notebook calls with the model of a widget and the element of a view; `render` makes the page, once the kernel
 * has answered: in a notebook that is only looked at it stands in words what was set.
 */
export const inNotebook = (render) => ({ model, el }) => {
  let page = null;
  const silent = make("p", { class: "stdyn-silent", role: "status", hidden: true });
  const own = ofView(model, (away) => {
    silent.hidden = !away;
    if (away) silent.textContent = page ? BUSY : `${AWAY}${inWords(model.get("state"))}.`;
    else page ??= render({ model: own, el, begun: () => model.get("state"), solved });
  });
  function solved(state) {
    if (same(state, model.get("state"))) return;
    model.set("state", state);
    model.save_changes();
  }
  function follow() {
    if (page && !same(model.get("state"), page.explorer.state)) page.follow(model.get("state"));
  }
  const end = () => own.end();
  el.append(silent);
  // The keys of sliders, lists and maps are theirs: a notebook would move to another cell, or delete this one.
  el.addEventListener("focusin", ({ target }) => target.setAttribute("data-lm-suppress-shortcuts", "true"));
  el.addEventListener("keydown", (event) => event.stopPropagation());
  model.on("change:state", follow);
  addEventListener("pagehide", end);
  own.send({ kind: "begin" });
  return () => {
    removeEventListener("pagehide", end);
    model.off("change:state", follow);
    end();
    page?.end();
  };
};
