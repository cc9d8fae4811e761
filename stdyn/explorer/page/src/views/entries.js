// All entries of an order parameter, a panel for each rule: R, Q, v.

import { RULES } from "../colours.js";
import { legendOf, ofEntries } from "../curves.js";
import { panels } from "./panels.js";

/** A view: its `title`, its `element`, and `draw()`, called when it is chosen and whenever curves have come. */
export function entries(name) {
  return (page) => {
    const { element, draw } = panels();
    return {
      name,
      title: name,
      element,
      draw() {
        const wanted = Object.entries(page.explorer.curves).map(([rule, of]) => {
          const lines = ofEntries(of, name);
          return [rule, { title: `${name} of ${RULES[rule].name}`, lines, legend: legendOf(of, name, lines) }];
        });
        const grouped = page.explorer.header.state.inputs && name !== "v";
        draw(Object.fromEntries(wanted), page.logarithmic(), grouped ? `Inputs are not isotropic: ${name} is the covariance of the fields, the sum over all groups of directions.` : "");
      },
    };
  };
}
