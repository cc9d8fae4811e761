// Above the views: ε_g and the alignment of all rules, runs behind them, and theory in numbers.

import { RULES } from "./colours.js";
import { Panel, ofRules, ofRuns } from "./curves.js";
import { make, symbol } from "./dom.js";
import { real, text } from "./numbers.js";

const ROWS = [
  ["eps_g_final", "ε_g at the end"],
  ["plateau_height", "plateau ε_g"],
  ["plateau_start", "from α"],
  ["plateau_end", "escape at α"],
  ["alignment_final", "cos ∠(v, b)"],
  ["specialised", "specialised"],
];

/** What stands there: `draw()` and `behind()` draw the explorer's curves and runs, `numbers(table)` writes the theory's. */
export function overview(explorer, logarithmic) {
  const error = new Panel("generalization error ε_g", { log: true });
  const alignment = new Panel("alignment cos ∠(v, b)", { range: [-1.05, 1.05] });
  const table = make("table", { class: "numbers", "aria-label": "theory in numbers" });

  /** The curves of all rules, and that of the point of a scan that is chosen. */
  function draw() {
    const { point, pointName, header } = explorer;
    const stored = point ? [{ x: point.alphas.values, y: point.eps_g.values, colour: "#777777", dash: [3, 3], label: pointName, width: 3 }] : [];
    error.draw([...stored, ...ofRules(explorer.curves, "eps_g")], logarithmic(), undefined, header?.jumps);
    alignment.draw(ofRules(explorer.curves, "alignment"), logarithmic(), undefined, header?.jumps);
  }

  /** The runs so far, behind the theory. */
  function behind() {
    for (const [panel, name] of [[error, "eps_g"], [alignment, "alignment"]]) panel.behind(Object.entries(explorer.runs).flatMap(([rule, of]) => ofRuns(of, name, (run) => ofRules({ [rule]: run }, name))));
  }

  /** Say something where the curves will be, while there are none. */
  function wait(words) {
    if (!error.plot) error.place.replaceChildren(words && make("p", { class: "first", "aria-hidden": "true" }, words));
  }

  /** A row for each quantity, a column for each rule. */
  function numbers(rules) {
    const cell = (scope, ...words) => make("th", { scope }, ...words);
    const head = make("tr", {}, cell("col", "theory"), ...Object.keys(rules).map((rule) => cell("col", RULES[rule].name)));
    const body = ROWS.map(([name, title]) => make("tr", { "data-name": name }, cell("row", symbol(title)), ...Object.values(rules).map((of) => make("td", {}, text(real(of[name]))))));
    table.replaceChildren(make("thead", {}, head), make("tbody", {}, ...body));
  }
  return { element: make("div", { class: "top" }, error.element, alignment.element, table), draw, behind, wait, numbers };
}
