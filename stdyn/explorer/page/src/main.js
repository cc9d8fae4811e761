// The page: controls on the left, on the right the curves, the table and the views.

import "./style.css";
import "uplot/dist/uPlot.min.css";

import { place, read, written } from "./address.js";
import { RULES, themed } from "./colours.js";
import { bar } from "./copies.js";
import { controls } from "./controls.js";
import { Panel, ofRules, ofRuns } from "./curves.js";
import { fresh, make, symbol } from "./dom.js";
import { helped, sheet } from "./help.js";
import { Link, overSocket } from "./link.js";
import { inNotebook } from "./notebook.js";
import { real, text } from "./numbers.js";
import { entries } from "./views/entries.js";
import { feedback } from "./views/feedback.js";
import { graph } from "./views/graph.js";
import { map } from "./views/map.js";
import { plane } from "./views/plane.js";
import { scan } from "./views/scan.js";
import { spectrum } from "./views/spectrum.js";
import { tasks } from "./views/tasks.js";

const VIEWS = [entries("R"), entries("Q"), entries("v"), feedback, tasks, map("eta_angle", "map of η, angle"), map("b_b", "map of b₁, b₂"), plane, graph, spectrum, scan];

const COLUMNS = [
  ["eps_g_final", "ε_g at the end"],
  ["plateau_height", "plateau ε_g"],
  ["plateau_start", "from α"],
  ["plateau_end", "escape at α"],
  ["alignment_final", "cos ∠(v, b)"],
  ["specialised", "specialised"],
];

const COMPILING = "solving … (the first time on a machine stdyn is compiled, which takes a minute)";
const LONG = 400; // milliseconds after which it is said that something is computed
const OF_ARRAYS = { K: ["R", "Q", "v", "b"], M: ["R", "T", "v_teacher"], outputs: ["v", "b", "v_teacher"] }; // whose sizes they are

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
  const error = new Panel("generalization error ε_g", { log: true });
  const alignment = new Panel("alignment cos ∠(v, b)", { range: [-1.05, 1.05] });
  const table = make("table", { class: "numbers", "aria-label": "theory in numbers" });
  const tabs = make("div", { class: "tabs", role: "tablist", "aria-label": "views" });
  const view = make("div", { class: "view", role: "tabpanel", id: fresh("view") });
  const shown = make("div", { class: "shown" }, status, make("div", { class: "top" }, error.element, alignment.element, table), tabs, view);
  root.append(make("div", { class: "page" }, sheet(left), shown));
  el.append(root);

  const explorer = { state: {}, seen: {}, curves: {}, runs: {}, header: null, link, drawn: 0 };
  root.explorer = explorer;
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
      panel = controls(header.controls, changed, reset);
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
    choose(views.find(({ name }) => name === (seen.view ?? (ofScan ? "scan" : ""))) ?? views[0]);
  }

  function changed(name, value, draft) {
    explorer.state = { ...explorer.state, [name]: value };
    for (const each of OF_ARRAYS[name] ?? []) if (Array.isArray(explorer.state[each])) delete explorer.state[each];
    if (value === null) delete explorer.state[name];
    ask(draft, name);
  }

  /** Have a parameter as at the beginning. */
  const reset = (name) => changed(name, beginning[name] ?? null, false);

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
      if (!explorer.drawn) error.place.replaceChildren(make("p", { class: "first", "aria-hidden": "true" }, COMPILING));
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
  const logarithmic = () => (explorer.header?.state.spacing ?? usual.spacing) === "log";

  /** Set parameters, as if they were moved by hand. */
  function set(values) {
    explorer.state = { ...explorer.state, ...values };
    for (const [name, value] of Object.entries(values)) if (value === null) delete explorer.state[name];
    ask(false, Object.keys(values).join());
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
      behind();
    }
    panel.refuse(null);
    panel.unused(header.unused);
    drawError();
    drawAlignment();
    chosen.draw();
    offer();
    if (header.table) numbers(header.table);
    explorer.drawn += 1;
    explorer.took = header.took;
    const cut = Object.entries(header.rules).filter(([, of]) => of.cut && of.reached !== null);
    const words = [...notes, ...saidOf(header.rules)];
    const short = cut.map(([rule, of]) => `${RULES[rule].name} to α = ${text(of.reached)} while it is dragged`);
    status.textContent = [...words, ...short].join(" · ") || `solved and drawn in ${Math.round(header.took)} ms`;
    if (header.draft) return;
    notes = [];
    if (header.state === explorer.state) solved(header.state);
    if (header.state.runs && !link.busy) link.ask("runs", { state: header.state });
  });

  /** What was said of the solutions, and of which rules if not of all. */
  function saidOf(rules) {
    const all = Object.entries(rules);
    const words = new Set(all.flatMap(([, of]) => of.words));
    return [...words].map((said) => {
      const its = all.filter(([, of]) => of.words.includes(said)).map(([rule]) => RULES[rule].name);
      return its.length < all.length ? `${its.join(", ")}: ${said}` : said;
    });
  }

  /** ε_g of all rules, and of the point of a scan that is chosen. */
  function drawError() {
    const stored = explorer.point ? [{ x: explorer.point.alphas.values, y: explorer.point.eps_g.values, colour: "#777777", dash: [3, 3], label: explorer.pointName, width: 3 }] : [];
    error.draw([...stored, ...ofRules(explorer.curves, "eps_g")], logarithmic(), undefined, explorer.header?.jumps);
  }
  const drawAlignment = () => alignment.draw(ofRules(explorer.curves, "alignment"), logarithmic(), undefined, explorer.header?.jumps);
  /** Draw the curve of a point of a scan beside the others; null takes it away. */
  function point(arrays, name) {
    [explorer.point, explorer.pointName] = [arrays, name];
    drawError();
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
    behind();
  });

  /** The runs so far, behind the theory. */
  function behind() {
    for (const [panel, name] of [[error, "eps_g"], [alignment, "alignment"]]) panel.behind(Object.entries(explorer.runs).flatMap(([rule, of]) => ofRuns(of, name, (run) => ofRules({ [rule]: run }, name))));
  }

  for (const kind of ["refused", "failed"]) {
    link.on(kind, (header) => {
      status.textContent = [...notes, header.words].join(" · ");
      if (!explorer.drawn) error.place.replaceChildren();
      if (header.of === "curves" && !explorer.drawn) return spare(header);
      if (header.of === "curves" || header.of === "runs") panel?.refuse(header.name ?? null); // a view says itself what it is not for
    });
  }

  /** Leave out of the state with which a page begins what is refused of it, so that there are curves. */
  function spare({ words, name }) {
    if (JSON.stringify(explorer.state) === JSON.stringify(beginning)) return;
    notes.push(`${words}: left out`);
    if (name in explorer.state) delete explorer.state[name];
    else explorer.state = { ...beginning };
    ask(false);
  }

  /** A row for each quantity, a column for each rule. */
  function numbers(rows) {
    const cell = (scope, ...words) => make("th", { scope }, ...words);
    const head = make("tr", {}, cell("col", "theory"), ...Object.keys(rows).map((rule) => cell("col", RULES[rule].name)));
    const body = COLUMNS.map(([name, title]) => make("tr", { "data-name": name }, cell("row", symbol(title)), ...Object.values(rows).map((row) => make("td", {}, text(real(row[name]))))));
    table.replaceChildren(make("thead", {}, head), make("tbody", {}, ...body));
  }

  // Views, one at a time. A view is made of the page: what is shown, how to ask for more, how to set a parameter.
  const views = VIEWS.map((each) => each({ explorer, link, logarithmic, set, root, seen, see, point }));
  let chosen = views[0];
  function choose(next) {
    chosen.left?.();
    chosen = next;
    [...tabs.children].forEach((tab, j) => {
      tab.setAttribute("aria-selected", String(views[j] === next));
      tab.tabIndex = views[j] === next ? 0 : -1;
      if (views[j] === next) view.setAttribute("aria-labelledby", tab.id);
    });
    view.replaceChildren(next.element);
    explorer.view = next;
    root.dispatchEvent(new Event("stdyn-viewed"));
    offer();
    if (explorer.header) next.draw();
  }
  /** Hide the tabs of views that say that there is nothing for them, but not that which is looked at. */
  function offer() {
    views.forEach((each, j) => { tabs.children[j].hidden = each !== chosen && each.there?.() === false; });
  }
  tabs.append(...views.map((each) => make("button", { type: "button", role: "tab", name: each.name, id: fresh("tab"), "aria-controls": view.id, onclick: () => { choose(each); see("view", each.name); } }, symbol(each.title))));
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
  choose(views[0]);
  const still = themed(root, () => {
    if (!explorer.header) return;
    drawError();
    drawAlignment();
    behind();
    chosen.draw();
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
