// All entries of an order parameter, a panel for each rule: R, Q, v.

import { RULES } from "../colours.js";
import { legendOf, ofEntries, ofRuns } from "../curves.js";
import { panels } from "./panels.js";

/** A view: its `title`, its `element`, and `draw()`, called when it is chosen and whenever curves have come. */
export function entries(name) {
  return (page) => {
    const { element, draw, runs } = panels(page, redraw);
    function redraw() {
      const { curves, header } = page.explorer;
      const wanted = Object.entries(curves).map(([rule, of]) => {
        const lines = ofEntries(of, name);
        const behind = ofRuns(runs(rule), name, (run) => ofEntries(run, name));
        return [rule, { title: `${name} of ${RULES[rule].name}`, lines, legend: legendOf(of, name, lines), alphas: header.jumps, runs: behind }];
      });
      const grouped = header.state.inputs && name !== "v";
      draw(Object.fromEntries(wanted), page.logarithmic(), grouped ? `Inputs are not isotropic: ${name} is the covariance of the fields, the sum over all groups of directions.` : "");
    }
    return { name, title: name, element, draw: redraw };
  };
}
