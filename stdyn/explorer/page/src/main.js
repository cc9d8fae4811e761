// The page: controls on the left, on the right the curves, the table and the views.

import "./style.css";
import "uplot/dist/uPlot.min.css";

import { place, read, written } from "./address.js";
import { RULES, themed } from "./colours.js";
import { bar } from "./copies.js";
import { controls } from "./controls.js";
import { make } from "./dom.js";
import { helped, sheet } from "./help.js";
import { Link, REFUSALS, overSocket } from "./link.js";
import { inNotebook } from "./notebook.js";
import { text } from "./numbers.js";
import { overview } from "./overview.js";
import { tabbed } from "./tabs.js";
import { entries } from "./views/entries.js";
import { feedback } from "./views/feedback.js";
import { graph } from "./views/graph.js";
import { map } from "./views/map.js";
import { plane } from "./views/plane.js";
import { scan } from "./views/scan.js";
import { spectrum } from "./views/spectrum.js";
import { tasks } from "./views/tasks.js";

const VIEWS = [entries("R"), entries("Q"), entries("v"), feedback, tasks, map("eta_angle", "map of η, angle"), map("b_b", "map of b₁, b₂"), plane, graph, spectrum, scan];

const COMPILING = "solving … (the first time on a machine stdyn is compiled, which takes a minute)";
const LONG = 400; // milliseconds after which it is said that something is computed
const OF_ARRAYS = { K: ["R", "Q", "v", "b"], M: ["R", "T", "v_teacher"], outputs: ["v", "b", "v_teacher"] }; // whose sizes they are

/** What was said of the solutions, and of which rules if not of all. */
function saidOf(rules) {
  const all = Object.entries(rules);
  const words = new Set(all.flatMap(([, of]) => of.words));
  return [...words].map((said) => {
    const its = all.filter(([, of]) => of.words.includes(said)).map(([rule]) => RULES[rule].name);
    return its.length < all.length ? `${its.join(", ")}: ${said}` : said;
  });
}

/** The page in an element. `model` has send(message) and on("msg:custom", (header, buffers) => …), as of a notebook;
 * `begun()` is what is set at first, if it is not the beginning, and `solved(state)` is told of what was set and solved.
 * `follow(state)` of what comes back sets all parameters.
 */
function render({ model, el, address = false, begun = () => null, solved = () => {} }) {
  const link = new Link(model);
  const root = make("div", { class: "stdyn-explorer" });
  const left = make("form", { class: "controls", onsubmit: (event) => event.preventDefault() });
  const help = helped(left);
  const status = make("p", { class: "status", role: "status" });
  const explorer = { state: {}, seen: {}, curves: {}, runs: {}, header: null, link, drawn: 0 };
  root.explorer = explorer;
  const top = overview(explorer, logarithmic);
  const shown = make("div", { class: "shown" }, status, top.element);
  root.append(make("div", { class: "page" }, sheet(left), shown));
  el.append(root);

  shown.prepend(bar({ explorer, link, address, root, said: (words) => { status.textContent = words; } }));
  let usual = {};
  let beginning = {}; // the state with which the server began
  let offered = ""; // the table of the controls that are there
  let ofScan = false; // whether it began with a scan, which is looked at first
  let panel = null;
  let notes = []; // what has to be said with the next curves
  let waiting = null;
  const bookmark = address ? place((hash) => {
    if (!panel) return; // it is read when the server says what there is
    take(read(hash));
    ask(false);
  }) : null;

  link.on("hello", (header) => {
    const table = JSON.stringify(header.controls);
    const isFirst = offered === "";
    usual = Object.fromEntries(header.controls.map((each) => [each.name, each.usual]));
    beginning = header.state;
    ofScan = Boolean(header.scan);
    if (table !== offered) {
      panel = controls(header.controls, (name, value, draft) => set({ [name]: value }, draft), reset);
      left.replaceChildren(make("div", { class: "reset" }, make("button", { type: "button", name: "reset", title: "every parameter as at the beginning", onclick: () => { explorer.state = { ...beginning }; ask(false, "reset"); } }, "reset")), ...panel.elements, help);
      offered = table;
    }
    if (isFirst) take(address ? read(location.hash) : { state: begun(), seen: {} });
    ask(false);
  });

  /** Take a state and what is looked at; what is no parameter is left out, and that is said. */
  function take({ state, seen }) {
    const all = Object.entries(state ?? beginning).filter(([, value]) => value !== null);
    const unknown = all.map(([name]) => name).filter((name) => !Object.hasOwn(usual, name));
    if (unknown.length) notes.push(`no parameters, left out: ${unknown.join(", ")}`);
    explorer.state = Object.fromEntries(all.filter(([name]) => Object.hasOwn(usual, name)));
    explorer.seen = seen;
    tabs.choose(views.find(({ name }) => name === (seen.view ?? (ofScan ? "scan" : ""))) ?? views[0]);
  }

  /** Set parameters that were moved by hand, and forget those that are null, and arrays that no longer fit. */
  function set(values, draft = false) {
    explorer.state = { ...explorer.state, ...values };
    for (const [name, value] of Object.entries(values)) {
      for (const each of OF_ARRAYS[name] ?? []) if (Array.isArray(explorer.state[each])) delete explorer.state[each];
      if (value === null) delete explorer.state[name];
    }
    ask(draft, Object.keys(values).join());
  }

  /** Have a parameter as at the beginning. */
  const reset = (name) => set({ [name]: beginning[name] ?? null });

  /** Ask for the curves of what is set; `moved` is what was moved by hand. */
  function ask(draft, moved = null) {
    link.curves(explorer.state, draft);
    clearTimeout(waiting);
    if (draft) return;
    keep(moved);
    panel.show(explorer.state);
    waiting = setTimeout(() => {
      if (!link.busy) return;
      status.textContent = explorer.drawn ? "solving …" : COMPILING;
      if (!explorer.drawn) top.wait(COMPILING);
    }, LONG);
  }

  /** Have the address say what is seen; what was moved by hand is a step that the browser can go back. */
  function keep(moved = null) {
    bookmark?.keep(written(explorer.state, usual, explorer.seen), moved);
  }

  /** What is looked at, by a name that begins with "view.": a value is kept in the address, null is forgotten. */
  const seen = (name) => explorer.seen[name];
  function see(name, value) {
    if (value === null) delete explorer.seen[name];
    else explorer.seen[name] = value;
    keep();
  }

  /** Whether what is shown is over a logarithmic α. */
  function logarithmic() {
    return (explorer.header?.state.spacing ?? usual.spacing) === "log";
  }

  /** Set all parameters: those of which nothing is said are as usual. */
  function follow(state) {
    explorer.state = { ...state };
    if (panel) ask(false);
  }

  link.on("curves", (header, arrays) => {
    explorer.curves = arrays;
    explorer.header = header;
    if (Object.keys(explorer.runs).length) {
      explorer.runs = {};
      top.behind();
    }
    panel.refuse(null);
    panel.unused(header.unused);
    top.draw();
    explorer.view.draw();
    tabs.offer();
    if (header.table) top.numbers(header.table);
    explorer.drawn += 1;
    const cut = Object.entries(header.rules).filter(([, of]) => of.cut && of.reached !== null);
    const words = [...notes, ...saidOf(header.rules)];
    const short = cut.map(([rule, of]) => `${RULES[rule].name} to α = ${text(of.reached)} while it is dragged`);
    status.textContent = [...words, ...short].join(" · ") || `solved and drawn in ${Math.round(header.took)} ms`;
    if (header.draft) return;
    notes = [];
    if (header.state === explorer.state) solved(header.state);
    if (header.state.runs && !link.busy) link.ask("runs", { state: header.state });
  });

  /** Draw the curve of a point of a scan beside the others; null takes it away. */
  function point(arrays, name) {
    [explorer.point, explorer.pointName] = [arrays, name];
    top.draw();
  }
  link.on("point", (header, arrays) => {
    point(arrays, header.name);
    if (header.state) {
      explorer.state = { ...header.state, runs: 0 };
      ask(false);
    }
  });

  link.on("runs", (header, arrays) => {
    if (!link.isNewest(header) || link.busy) return; // of curves that are no longer shown
    explorer.runs = { ...explorer.runs, ...arrays };
    top.behind();
  });

  link.on(REFUSALS, (header) => {
    status.textContent = [...notes, header.words].join(" · ");
    if (!explorer.drawn) top.wait("");
    if (header.of === "curves" && !explorer.drawn) return spare(header);
    if (header.of === "curves" || header.of === "runs") panel?.refuse(header.name ?? null); // a view says itself what it is not for
  });

  /** Leave out of the state with which a page begins what is refused of it, so that there are curves. */
  function spare({ words, name }) {
    if (JSON.stringify(explorer.state) === JSON.stringify(beginning)) return;
    notes.push(`${words}: left out`);
    if (name in explorer.state) delete explorer.state[name];
    else explorer.state = { ...beginning };
    ask(false);
  }

  // Views, one at a time. A view is made of the page: what is shown, how to ask for more, how to set a parameter.
  const views = VIEWS.map((each) => each({ explorer, link, logarithmic, set, root, seen, see, point }));
  const tabs = tabbed(views, (view, byHand) => {
    explorer.view = view;
    root.dispatchEvent(new Event("stdyn-viewed"));
    if (explorer.header) view.draw();
    if (byHand) see("view", view.name);
  });
  shown.append(...tabs.elements);
  tabs.choose(views[0]);
  const still = themed(root, () => {
    if (!explorer.header) return;
    top.draw();
    top.behind();
    explorer.view.draw();
  });
  return { explorer, follow, end: () => { still(); root.remove(); } };
}

const page = document.querySelector("main#explorer");
if (page) {
  const ended = "The server has ended: start stdyn explore again. What is set stays in the address.";
  const lost = make("p", { class: "stdyn-lost", role: "alert", hidden: true });
  document.body.append(lost);
  const model = overSocket(`ws://${location.host}/socket`, (there, why) => { [lost.hidden, lost.textContent] = [there, there ? "" : `${why || ended}`]; });
  render({ model, el: page, address: true });
}

// What a notebook imports. (A named export of render would be taken for it.)
export default { render: inNotebook(render) };
