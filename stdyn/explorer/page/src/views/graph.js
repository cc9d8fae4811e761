// Who has learned whom: students and teachers as two columns of dots, joined by lines as wide as their cosines.

import { range, row } from "../arrays.js";
import { SIGNS } from "../colours.js";
import { make, svg } from "../dom.js";
import { moment, teacher } from "./moment.js";

const [WIDTH, STEP, TIGHT, LEFT, RIGHT] = [560, 44, 22, 110, 410];
const MANY = 10; // units from which on they stand closer
const LEAST = 0.02; // a cosine that is drawn

export function graph(page) {
  const picture = svg("svg", { class: "graph", role: "img" });
  const said = make("p", { class: "said" });
  const chosen = moment(page, "graph", paint);
  const element = make("div", { class: "mapped" }, chosen.element, picture, said);

  function paint(there) {
    said.textContent = there ? `Full and orange: positive cosine of R; dashed and blue: negative; below ${LEAST} none is drawn.` : "No α has been reached.";
    picture.toggleAttribute("hidden", !there);
    if (!there) return;
    const { of } = there;
    const [, K, M] = of.R.shape;
    const cosines = cosinesOf(of, there.row);
    const tight = Math.max(K, M) > MANY;
    const height = (tight ? TIGHT : STEP) * Math.max(K, M);
    const y = (n, count) => ((n + 0.5) * height) / count;
    const parts = [];
    cosines.forEach((each, i) => each.forEach((cosine, n) => {
      if (Math.abs(cosine) < LEAST) return;
      parts.push(svg("line", {
        x1: LEFT, y1: y(i, K), x2: RIGHT, y2: y(n, M), stroke: SIGNS[cosine > 0 ? 0 : 1], "stroke-width": 9 * Math.abs(cosine),
        "stroke-dasharray": cosine > 0 ? "none" : "10 7", "stroke-opacity": 0.25 + 0.75 * Math.abs(cosine),
      }, svg("title", {}, `cos of student ${i + 1} and ${teacher(of, n)}: ${cosine.toFixed(3)}`)));
    }));
    const students = range(K).map((i) => `student ${i + 1}`);
    const teachers = range(M).map((n) => teacher(of, n));
    for (const [names, x, anchor, away] of [[students, LEFT, "end", -16], [teachers, RIGHT, "start", 16]]) names.forEach((name, n) => {
      parts.push(svg("circle", { cx: x, cy: y(n, names.length), r: tight ? 5 : 8, class: "unit" }));
      parts.push(svg("text", { x: x + away, y: y(n, names.length) + 5, "text-anchor": anchor }, name));
    });
    picture.setAttribute("viewBox", `0 0 ${WIDTH} ${height}`);
    picture.setAttribute("aria-label", cosines.map((each, i) => inWords(each, i, teachers)).join("; "));
    picture.replaceChildren(...parts);
    page.explorer.cosines = cosines.flat();
  }
  return { name: "graph", title: "who learns whom", element, draw: chosen.draw };
}

/** The cosines of students and teachers in one row; 0 where one has no length. */
function cosinesOf(of, at) {
  const [, K, M] = of.R.shape;
  const [R, Q, T] = [row(of.R, at), row(of.Q, at), of.T.values];
  return range(K).map((i) => range(M).map((n) => {
    const lengths = Math.sqrt(Math.max(Q[i * K + i], 0) * T[n * M + n]);
    return lengths > 0 ? R[i * M + n] / lengths : 0;
  }));
}

/** Whom a student has learned most. */
function inWords(cosines, i, teachers) {
  const most = cosines.reduce((best, each, n) => (Math.abs(each) > Math.abs(cosines[best]) ? n : best), 0);
  return `student ${i + 1} is nearest to ${teachers[most]}, cosine ${cosines[most].toFixed(2)}`;
}
