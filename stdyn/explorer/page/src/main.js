// The page: controls on the left, on the right the curves, the table and the views.

import "./style.css";
import "uplot/dist/uPlot.min.css";

import { read, written } from "./address.js";
import { RULES, themed } from "./colours.js";
import { bar } from "./copies.js";
import { controls } from "./controls.js";
import { Panel, ofRules } from "./curves.js";
import { fresh, make, symbol } from "./dom.js";
import { helped, sheet } from "./help.js";
import { Link, overSocket } from "./link.js";
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

/** The page in an element. `model` has send(message) and on("msg:custom", (header, buffers) => …), as of a notebook. */
export function render({ model, el, address = false }) {
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
  let panel = null;

  link.on("hello", (header) => {
    usual = Object.fromEntries(header.controls.map((each) => [each.name, each.usual]));
    if (!explorer.header) {
      const said = address ? read(location.hash) : { state: null, seen: {} };
      explorer.state = said.state ?? header.state;
      explorer.seen = said.seen;
      choose(views.find(({ name }) => name === said.seen.view) ?? views[0]);
    }
    panel = controls(header.controls, changed);
    left.replaceChildren(...panel.elements, help);
    panel.show(explorer.state);
    ask(false);
  });

  function changed(name, value, draft) {
    const sizes = { K: ["R", "Q", "v", "b"], M: ["R", "T", "v_teacher"], outputs: ["v", "b", "v_teacher"] }[name] ?? [];
    explorer.state = { ...explorer.state, [name]: value };
    for (const each of sizes) if (Array.isArray(explorer.state[each])) delete explorer.state[each];
    if (value === null) delete explorer.state[name];
    ask(draft);
  }

  function ask(draft) {
    link.curves(explorer.state, draft);
    if (draft) return;
    keep();
    panel.show(explorer.state);
  }

  /** Have the address say what is seen. */
  function keep() {
    if (address) history.replaceState(null, "", `#${written(explorer.state, usual, explorer.seen)}`);
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
    ask(false);
  }

  link.on("curves", (header, arrays) => {
    explorer.curves = arrays;
    explorer.header = header;
    panel.refuse(null);
    panel.unused(header.unused);
    drawError();
    alignment.draw(ofRules(arrays, "alignment"), logarithmic());
    chosen.draw();
    offer();
    if (header.table) numbers(header.table);
    explorer.drawn += 1;
    explorer.took = header.took;
    const cut = Object.entries(header.rules).filter(([, of]) => of.cut && of.reached !== null);
    const words = Object.values(header.rules).flatMap((of) => of.words);
    const short = cut.map(([rule, of]) => `${RULES[rule].name} to α = ${text(of.reached)} while it is dragged`);
    status.textContent = [...words, ...short].join(" · ") || `solved and drawn in ${Math.round(header.took)} ms`;
    if (!header.draft) {
      explorer.runs = {};
      error.behind([]);
      if (header.state.runs !== 0) link.ask("runs", { state: header.state });
    }
  });

  /** ε_g of all rules, and of the point of a scan that is chosen. */
  function drawError() {
    const stored = explorer.point ? [{ x: explorer.point.alphas.values, y: explorer.point.eps_g.values, colour: "#777777", dash: [3, 3], label: explorer.pointName, width: 3 }] : [];
    error.draw([...stored, ...ofRules(explorer.curves, "eps_g")], logarithmic());
  }
  link.on("point", (header, arrays) => {
    explorer.point = arrays;
    explorer.pointName = header.words;
    if (header.state) {
      explorer.state = { ...header.state, runs: 0 };
      ask(false);
    } else drawError();
  });

  link.on("runs", (header, arrays) => {
    if (!link.isNewest(header) || link.busy) return; // of curves that are no longer shown
    explorer.runs = { ...explorer.runs, ...arrays };
    behind();
  });

  /** The runs so far, behind the theory. */
  function behind() {
    error.behind(Object.entries(explorer.runs).flatMap(([rule, of]) => {
      const [count, length] = of.eps_g.shape;
      return [...Array(count).keys()].map((k) => ({ x: of.alphas.values, y: of.eps_g.values.subarray(k * length, (k + 1) * length), colour: RULES[rule].colour }));
    }));
  }

  for (const kind of ["refused", "failed"]) {
    link.on(kind, (header) => {
      status.textContent = header.words;
      panel?.refuse(header.words.split(" ")[0]);
    });
  }

  /** A row for each quantity, a column for each rule. */
  function numbers(rows) {
    const cell = (scope, ...words) => make("th", { scope }, ...words);
    const head = make("tr", {}, cell("col", "theory"), ...Object.keys(rows).map((rule) => cell("col", RULES[rule].name)));
    const body = COLUMNS.map(([name, title]) => make("tr", { "data-name": name }, cell("row", symbol(title)), ...Object.values(rows).map((row) => make("td", {}, text(real(row[name]))))));
    table.replaceChildren(make("thead", {}, head), make("tbody", {}, ...body));
  }

  // Views, one at a time. A view is made of the page: what is shown, how to ask for more, how to set a parameter.
  const views = VIEWS.map((each) => each({ explorer, link, logarithmic, set, root, seen, see }));
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
    offer();
    if (explorer.header) next.draw();
  }
  /** Hide the tabs of views that say that there is nothing for them, but not that which is looked at. */
  function offer() {
    views.forEach((each, j) => { tabs.children[j].hidden = each !== chosen && each.there?.() === false; });
  }
  tabs.append(...views.map((each) => make("button", { type: "button", role: "tab", name: each.name, id: fresh("tab"), "aria-controls": view.id, onclick: () => { choose(each); see("view", each.name); } }, each.title)));
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
    alignment.draw(ofRules(explorer.curves, "alignment"), logarithmic());
    behind();
    chosen.draw();
  });
  return () => {
    still();
    root.remove();
  };
}

const page = document.querySelector("main#explorer");
if (page) {
  const lost = make("p", { class: "stdyn-lost", role: "alert", hidden: true }, "The server has ended: start stdyn explore again. What is set stays in the address.");
  document.body.append(lost);
  const model = overSocket(`ws://${location.host}/socket`, (there) => { lost.hidden = there; });
  render({ model, el: page, address: true });
}

export default { render };
