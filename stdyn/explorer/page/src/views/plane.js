// Students in the plane of two teachers, exactly, from the overlaps alone.

import { DASHES, UNITS } from "../colours.js";
import { make } from "../dom.js";
import { draw, moment, row } from "./moment.js";

const SIZE = 420;

export function plane(page) {
  const svg = draw("svg", { class: "plane", role: "img", viewBox: `0 0 ${SIZE} ${SIZE}`, "aria-label": "students in the plane of two teachers" });
  const pair = make("select", { name: "plane-teachers", "aria-label": "teachers that span the plane", onchange: () => chosen.draw() });
  const said = make("p", { class: "said" });
  const chosen = moment(page, "plane", paint);
  const element = make("div", {}, make("div", { class: "moment" }, pair), chosen.element, svg, said);

  function paint(there) {
    svg.replaceChildren();
    const M = there?.of.R.shape[2] ?? 0;
    if (M < 2) {
      said.textContent = "A plane needs two teacher units.";
      return;
    }
    const pairs = [];
    for (let n = 0; n < M; n++) for (let m = n + 1; m < M; m++) pairs.push(`${n + 1}, ${m + 1}`);
    if (pairs.length !== pair.options.length) pair.replaceChildren(...pairs.map((each) => make("option", { value: each }, `teachers ${each}`)));
    const [a, b] = pair.value.split(", ").map((each) => each - 1);
    said.textContent = "Lines: students' projections; discs: the length outside the plane; thick: teachers; thin: the path up to α.";
    const paths = projected(there, a, b);
    const T = there.of.T.values;
    const L = root(T[a * M + a], T[a * M + b], T[b * M + b]);
    const reach = Math.max(...L.map(([x, y]) => Math.hypot(x, y)), ...paths.flatMap(({ points, outside }) => points.map(([x, y], t) => Math.hypot(x, y) + outside[t]))) * 1.1 || 1;
    const at = ([x, y]) => [SIZE / 2 + (x / reach) * (SIZE / 2), SIZE / 2 - (y / reach) * (SIZE / 2)];
    const parts = [draw("line", { x1: 0, y1: SIZE / 2, x2: SIZE, y2: SIZE / 2, class: "axis" }), draw("line", { x1: SIZE / 2, y1: 0, x2: SIZE / 2, y2: SIZE, class: "axis" })];
    L.forEach((tip, n) => {
      const [x, y] = at(tip);
      parts.push(draw("line", { x1: SIZE / 2, y1: SIZE / 2, x2: x, y2: y, class: "teacher" }));
      parts.push(draw("text", { x: x + 8, y: y - 6 }, `teacher ${[a, b][n] + 1}`));
    });
    paths.forEach(({ points, outside }, i) => {
      const colour = UNITS[i % UNITS.length];
      const dash = DASHES[i % DASHES.length].join(" ") || "none";
      const path = points.slice(0, there.row + 1).map((each) => at(each).map((x) => x.toFixed(2)).join(",")).join(" ");
      const [x, y] = at(points[there.row]);
      parts.push(draw("polyline", { points: path, fill: "none", stroke: colour, "stroke-width": 1.2, "stroke-dasharray": dash }));
      parts.push(draw("circle", { cx: x, cy: y, r: Math.max(0, (outside[there.row] / reach) * (SIZE / 2)), fill: colour, "fill-opacity": 0.1, stroke: colour, "stroke-opacity": 0.6 }));
      parts.push(draw("line", { x1: SIZE / 2, y1: SIZE / 2, x2: x, y2: y, stroke: colour, "stroke-width": 2 }));
      parts.push(draw("circle", { cx: x, cy: y, r: 4.5, fill: colour }, draw("title", {}, `student ${i + 1}`)));
      parts.push(draw("text", { x: x + 7, y: y + 14, fill: colour }, String(i + 1)));
    });
    svg.append(...parts);
    page.explorer.plane = paths.map(({ points, outside }) => [...points[there.row], outside[there.row]]);
  }
  return { name: "plane", title: "plane of teachers", element, draw: chosen.draw };
}

/** The lower triangular root of [[p, q], [q, r]]: the teachers in an orthonormal basis of their plane. */
function root(p, q, r) {
  const first = Math.sqrt(p);
  const along = first ? q / first : 0;
  return [[first, 0], [along, Math.sqrt(Math.max(r - along * along, 0))]];
}

/** The path of every student in the plane of teachers a and b, and its length outside of it. */
function projected({ of, last }, a, b) {
  const [, K, M] = of.R.shape;
  const T = of.T.values;
  const [[l], [m, n]] = root(T[a * M + a], T[a * M + b], T[b * M + b]);
  return [...Array(K).keys()].map((i) => {
    const points = [];
    const outside = [];
    for (let t = 0; t <= last; t++) {
      const [R, Q] = [row(of.R, t), row(of.Q, t)];
      const x = l ? R[i * M + a] / l : 0;
      const y = n ? (R[i * M + b] - m * x) / n : 0;
      points.push([x, y]);
      outside.push(Math.sqrt(Math.max(Q[i * K + i] - x * x - y * y, 0)));
    }
    return { points, outside };
  });
}
