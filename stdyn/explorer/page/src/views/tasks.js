// Tasks that are learned one after the other: the error of each, also while another one is learned.

import { RULES } from "../colours.js";
import { ofEach, ofRuns } from "../curves.js";
import { panels } from "./panels.js";

export function tasks(page) {
  const { element, draw, runs } = panels(page, redraw);
  const NAME = "eps_g_per_task";
  const there = () => Object.entries(page.explorer.curves).filter(([, of]) => of[NAME]);
  const lines = (of) => ofEach(of, NAME, "task");
  function redraw() {
    const wanted = there().map(([rule, of]) => [rule, {
      title: `ε_g of each task, ${RULES[rule].name}`, options: { log: true }, lines: lines(of), alphas: page.explorer.header.jumps,
      runs: ofRuns(runs(rule), NAME, lines),
    }]);
    draw(Object.fromEntries(wanted), page.logarithmic(), wanted.length ? "" : "There are no tasks: choose some under Protocol.");
  }
  return { name: "tasks", title: "ε_g of each task", element, there: () => there().length > 0, draw: redraw };
}
