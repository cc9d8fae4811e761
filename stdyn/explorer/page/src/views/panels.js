// What the views of curves share: a panel for each of some names, made when it is first needed, and runs behind the lines.

import { Panel } from "../curves.js";
import { make } from "../dom.js";

const MOST = 600; // lines of runs in a panel, beyond which none is drawn

/** Panels side by side: `draw` takes {name: {title, options, lines, legend, alphas, runs}} and words that stand below them;
 * `runs(rule)` gives the arrays of the runs of the curves that are drawn. `again()` draws everything once more. */
export function panels(page, again) {
  const { explorer, link } = page;
  const place = make("div", { class: "panels" });
  const said = make("p", { class: "said" });
  const element = make("div", {}, place, said);
  const made = {};
  let curves = null; // those that the runs are of

  link.on("runs", (_, arrays) => {
    if (!Object.entries(arrays).some(([rule, of]) => explorer.runs[rule] === of)) return; // of other curves
    curves = explorer.curves;
    if (element.parentNode) again();
  });

  function draw(wanted, logarithmic, words = "") {
    for (const [name, { title, options }] of Object.entries(wanted)) made[name] ??= new Panel(title, options);
    const elements = Object.keys(wanted).map((name) => made[name].element);
    if (elements.length !== place.children.length || elements.some((each, j) => place.children[j] !== each)) place.replaceChildren(...elements);
    let tooMany = false;
    for (const [name, { lines, legend, alphas, runs = [] }] of Object.entries(wanted)) {
      tooMany ||= runs.length > MOST;
      made[name].runs = runs.length > MOST ? [] : runs;
      made[name].draw(lines, logarithmic, legend, alphas);
    }
    const behind = Object.values(wanted).some(({ runs = [] }) => runs.length) ? (tooMany ? "Runs are not drawn behind so many lines." : "Thin and pale: simulated runs.") : "";
    const jumps = Object.values(wanted).some(({ alphas = [] }) => alphas.length) ? "Dotted upright: a rate or the task jumps." : "";
    said.textContent = [words, jumps, behind].filter(Boolean).join(" ");
  }

  const runs = (rule) => (curves === explorer.curves ? explorer.runs[rule] : undefined);
  return { element, draw, runs };
}
