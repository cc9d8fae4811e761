// What the views of curves share: a panel for each of some names, made when it is first needed.

import { Panel } from "../curves.js";
import { make } from "../dom.js";

/** Panels side by side: `draw` takes {name: {title, options, lines, legend, alphas}}, and words that stand below them. */
export function panels() {
  const place = make("div", { class: "panels" });
  const said = make("p", { class: "said" });
  const element = make("div", {}, place, said);
  const made = {};
  function draw(wanted, logarithmic, words = "") {
    for (const [name, { title, options }] of Object.entries(wanted)) made[name] ??= new Panel(title, options);
    const elements = Object.keys(wanted).map((name) => made[name].element);
    if (elements.length !== place.children.length || elements.some((each, j) => place.children[j] !== each)) place.replaceChildren(...elements);
    for (const [name, { lines, legend, alphas }] of Object.entries(wanted)) made[name].draw(lines, logarithmic, legend, alphas);
    said.textContent = words;
  }
  return { element, draw };
}
