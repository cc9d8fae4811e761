// The second layer and the feedback weights: F = v·b of all rules; of several outputs F and the alignment of each.

import { RULES } from "../colours.js";
import { ofEach, ofRules, ofRuns } from "../curves.js";
import { panels } from "./panels.js";

const COSINE = { range: [-1.05, 1.05] };

export function feedback(page) {
  const { element, draw, runs } = panels(page, redraw);
  const every = (rule, name) => ofRuns(runs(rule), name, (run) => ofEach(run, name, "output"));
  function redraw() {
    const { curves, header: { jumps: alphas } } = page.explorer;
    const lines = ofRules(curves, "F");
    if (!lines.length) return draw({}, false, "BP has no feedback weights, and so no F: tick FA, KP or mixed.");
    const behind = Object.keys(curves).flatMap((rule) => ofRuns(runs(rule), "F", (run) => ofRules({ [rule]: run }, "F")));
    const wanted = { F: { title: "F = v·b", lines, alphas, runs: behind } };
    for (const [rule, of] of Object.entries(curves).filter(([, each]) => each.F_per_output)) {
      wanted[`${rule} F`] = { title: `F of each output, ${RULES[rule].name}`, lines: ofEach(of, "F_per_output", "output"), alphas, runs: every(rule, "F_per_output") };
      wanted[`${rule} alignment`] = { title: `alignment of each output, ${RULES[rule].name}`, options: COSINE, lines: ofEach(of, "alignment_per_output", "output"), alphas, runs: every(rule, "alignment_per_output") };
    }
    return draw(wanted, page.logarithmic(), curves.bp ? "BP has no feedback weights, and so no F." : "");
  }
  return { name: "F", title: "F", element, draw: redraw };
}
