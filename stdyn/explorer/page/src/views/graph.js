// Who has learned whom: students and teachers as two columns of dots, joined by lines as wide as their cosines.

import { make } from "../dom.js";
import { draw, moment, row } from "./moment.js";

const [POSITIVE, NEGATIVE] = ["#D55E00", "#0072B2"];
const [WIDTH, STEP, LEFT, RIGHT] = [520, 44, 110, 410];

export function graph(page) {
  const svg = draw("svg", { class: "graph", role: "img" });
  const said = make("p", { class: "said" }, "Full and orange: positive cosine of R; dashed and blue: negative.");
  const chosen = moment(page, "graph", paint);
  const element = make("div", {}, chosen.element, svg, said);

  function paint(there) {
    if (!there) return svg.replaceChildren();
    const [, K, M] = there.of.R.shape;
    const [R, Q, T] = [row(there.of.R, there.row), row(there.of.Q, there.row), there.of.T.values];
    const height = STEP * Math.max(K, M);
    const y = (n, count) => ((n + 0.5) * height) / count;
    const parts = [];
    const cosines = [];
    for (let i = 0; i < K; i++) for (let n = 0; n < M; n++) {
      const lengths = Math.sqrt(Math.max(Q[i * K + i], 0) * T[n * M + n]);
      const cosine = lengths > 0 ? R[i * M + n] / lengths : 0;
      cosines.push(cosine);
      if (Math.abs(cosine) < 0.02) continue;
      parts.push(draw("line", {
        x1: LEFT, y1: y(i, K), x2: RIGHT, y2: y(n, M), stroke: cosine > 0 ? POSITIVE : NEGATIVE, "stroke-width": 9 * Math.abs(cosine),
        "stroke-dasharray": cosine > 0 ? "none" : "10 7", "stroke-opacity": 0.25 + 0.75 * Math.abs(cosine),
      }, draw("title", {}, `cos of student ${i + 1} and teacher ${n + 1}: ${cosine.toFixed(3)}`)));
    }
    for (const [count, x, name, anchor, away] of [[K, LEFT, "student", "end", -16], [M, RIGHT, "teacher", "start", 16]]) {
      for (let n = 0; n < count; n++) {
        parts.push(draw("circle", { cx: x, cy: y(n, count), r: 8, class: "unit" }));
        parts.push(draw("text", { x: x + away, y: y(n, count) + 5, "text-anchor": anchor }, `${name} ${n + 1}`));
      }
    }
    svg.setAttribute("viewBox", `0 0 ${WIDTH} ${height}`);
    svg.setAttribute("aria-label", `cosines of students and teachers: ${cosines.map((each) => each.toFixed(2)).join(", ")}`);
    svg.replaceChildren(...parts);
    page.explorer.cosines = cosines;
    return undefined;
  }
  return { name: "graph", title: "who learns whom", element, draw: chosen.draw };
}
