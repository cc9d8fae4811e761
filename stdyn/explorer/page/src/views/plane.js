// Students in the plane of two teachers, exactly, from the overlaps alone.

import { range, row } from "../arrays.js";
import { DASHES, UNITS } from "../colours.js";
import { make, offer, svg } from "../dom.js";
import { text } from "../numbers.js";
import { ticks } from "../ticks.js";
import { moment, teacher } from "./moment.js";

const [SIZE, EDGE] = [460, 26]; // of the picture, and of what its ticks take
const WRITTEN = 5; // numbers at an axis, at most
const MIDDLE = SIZE / 2;
const HALF = MIDDLE - EDGE;
const PARALLEL = 1e-12; // a part of a teacher's squared length across the other one that is no more than rounding

export function plane(page) {
  const picture = svg("svg", { class: "plane", role: "img", viewBox: `0 0 ${SIZE} ${SIZE}` });
  const pair = make("select", { name: "plane-teachers", "aria-label": "teachers that span the plane", onchange: () => { page.see("view.teachers", pair.value); chosen.draw(); } });
  const said = make("p", { class: "said" });
  const chosen = moment(page, "plane", paint);
  const element = make("div", { class: "mapped" }, chosen.element, picture, said);
  chosen.element.append(pair);

  /** Offer the pairs of M teachers; that which is looked at, if there is one. */
  function fill(M) {
    const pairs = [];
    for (let n = 0; n < M; n++) for (let m = n + 1; m < M; m++) pairs.push(`${n + 1},${m + 1}`);
    offer(pair, pairs, (each) => `teachers ${each.replace(",", ", ")}`, page.seen("view.teachers"));
    return pair.value.split(",").map((each) => each - 1);
  }

  function paint(there) {
    picture.replaceChildren();
    page.explorer.plane = null;
    const M = there?.of.R.shape[2] ?? 0;
    pair.hidden = M < 2;
    picture.toggleAttribute("hidden", M < 2);
    if (M < 2) {
      said.textContent = there ? "A plane needs two teacher units, and there is one." : "No α has been reached.";
      return;
    }
    const { of } = there;
    const [a, b] = fill(M);
    const T = of.T.values;
    const tips = root(T[a * M + a], T[a * M + b], T[b * M + b]);
    const paths = projected(there, tips, a, b);
    const reach = 1.08 * Math.max(...tips.map(([x, y]) => Math.hypot(x, y)), ...paths.flatMap(({ points, outside }) => points.map(([x, y], t) => Math.hypot(x, y) + outside[t]))) || 1;
    const at = ([x, y]) => [MIDDLE + (x / reach) * HALF, MIDDLE - (y / reach) * HALF];
    picture.append(
      ...axes(reach, at),
      ...tips.flatMap((tip, j) => arrow(tip, at, teacher(of, [a, b][j]))),
      ...paths.flatMap((path, i) => student(path, i, there.row, at, HALF / reach)),
    );
    const tip = paths.map(({ points, outside }) => [...points[there.row], outside[there.row]]);
    picture.setAttribute("aria-label", `Students in the plane of teachers ${a + 1} and ${b + 1}: ${tip.map(([x, y, out], i) => `student ${i + 1} at ${x.toFixed(2)}, ${y.toFixed(2)}, outside ${out.toFixed(2)}`).join("; ")}`);
    said.textContent = `Lines: students' projections on the plane; discs: their lengths outside it; thick: teachers; thin: the path up to α. Across: along teacher ${a + 1}.`
      + (tips[1][1] === 0 ? " These teachers are parallel, so that they span no plane but a line." : "")
      + (page.explorer.header.state.inputs ? " Inputs are not isotropic: lengths and angles are those of the fields." : "");
    page.explorer.plane = tip;
  }
  return { name: "plane", title: "plane of teachers", element, draw: chosen.draw };
}

/** The lines through the origin, with the numbers that are round. */
function axes(reach, at) {
  const parts = [svg("line", { x1: EDGE, y1: MIDDLE, x2: SIZE - EDGE, y2: MIDDLE, class: "axis" }), svg("line", { x1: MIDDLE, y1: EDGE, x2: MIDDLE, y2: SIZE - EDGE, class: "axis" })];
  for (const each of ticks({ low: -reach, high: reach }, WRITTEN).filter((each) => each !== 0)) {
    const [x, y] = at([each, each]);
    parts.push(svg("line", { x1: x, y1: EDGE, x2: x, y2: SIZE - EDGE, class: "axis" }), svg("line", { x1: EDGE, y1: y, x2: SIZE - EDGE, y2: y, class: "axis" }));
    parts.push(svg("text", { x, y: SIZE - 8, "text-anchor": "middle" }, text(each)), svg("text", { x: EDGE + 2, y: y - 4 }, text(each)));
  }
  return parts;
}

/** A teacher, with the circle of its length. */
function arrow(tip, at, name) {
  const [x, y] = at(tip);
  return [
    svg("circle", { cx: MIDDLE, cy: MIDDLE, r: Math.hypot(x - MIDDLE, y - MIDDLE), class: "axis", fill: "none", "stroke-dasharray": "2 3" }),
    svg("line", { x1: MIDDLE, y1: MIDDLE, x2: x, y2: y, class: "teacher" }),
    svg("text", { x: Math.min(x + 8, SIZE - 8 * name.length), y: y - 8 }, name),
  ];
}

/** Where a name stands beside the end of a line from the middle: where the line would go on. */
function beyond(x, y) {
  const [across, down] = [x - MIDDLE, y - MIDDLE];
  const length = Math.hypot(across, down);
  const [a, b] = length > 1 ? [across / length, down / length] : [0.5, 0.9];
  return { x: x + 14 * a, y: y + 14 * b + 5 };
}

/** A student: its path so far, the disc of its length outside the plane, its projection and its number. */
function student({ points, outside }, i, now, at, scale) {
  const colour = UNITS[i % UNITS.length];
  const dash = DASHES[i % DASHES.length].join(" ") || "none";
  const path = points.slice(0, now + 1).map((each) => at(each).map((x) => x.toFixed(2)).join(",")).join(" ");
  const [x, y] = at(points[now]);
  return [
    svg("polyline", { points: path, fill: "none", stroke: colour, "stroke-width": 1.2, "stroke-dasharray": dash }),
    svg("circle", { cx: x, cy: y, r: outside[now] * scale, fill: colour, "fill-opacity": 0.1, stroke: colour, "stroke-opacity": 0.6 }),
    svg("line", { x1: MIDDLE, y1: MIDDLE, x2: x, y2: y, stroke: colour, "stroke-width": 2 }),
    svg("circle", { cx: x, cy: y, r: 4.5, fill: colour }, svg("title", {}, `student ${i + 1}`)),
    svg("text", { ...beyond(x, y), "text-anchor": "middle" }, String(i + 1)),
  ];
}

/** The lower triangular root of [[p, q], [q, r]]: the teachers in an orthonormal basis of their plane, also of parallel
 * ones. */
function root(p, q, r) {
  const first = Math.sqrt(p);
  const along = first ? q / first : 0;
  const across = r - along * along;
  return [[first, 0], [along, across > PARALLEL * r ? Math.sqrt(across) : 0]];
}

/** The path of every student in the plane of teachers a and b, and its length outside of it. */
function projected({ of, last }, [[l], [m, n]], a, b) {
  const [, K, M] = of.R.shape;
  return range(K).map((i) => {
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
