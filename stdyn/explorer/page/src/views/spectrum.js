// The spectrum along a trajectory: real parts of the eigenvalues of the Jacobian, what grows in colour.

import { RULES } from "../colours.js";
import { make } from "../dom.js";
import { text } from "../numbers.js";
import { draw } from "./moment.js";

const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP] = [760, 330, 76, 44, 12];
const LINEAR = 1e-3; // up to here the axis is linear

const squeezed = (x) => Math.sign(x) * (Math.abs(x) <= LINEAR ? Math.abs(x) / LINEAR : 1 + Math.log10(Math.abs(x) / LINEAR));

export function spectrum(page) {
  const { explorer, link } = page;
  const rule = make("select", { name: "spectrum-rule", "aria-label": "rule", onchange: () => ask() });
  const svg = draw("svg", { class: "spectrum", role: "img", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-label": "real parts of the eigenvalues of the Jacobian along the trajectory" });
  const said = make("p", { class: "said" });
  const element = make("div", {}, make("div", { class: "moment" }, rule), svg, said);

  function ask() {
    said.textContent = "eigenvalues are computed …";
    link.ask("spectrum", { state: explorer.header.state, rule: rule.value });
  }

  link.on("spectrum", (header, arrays) => {
    if (!link.isNewest(header)) return;
    explorer.spectrum = arrays;
    const [A, L] = arrays.real.shape;
    const logarithmic = page.logarithmic();
    const alphas = [...arrays.alphas.values];
    const rows = [...Array(A).keys()].filter((t) => !logarithmic || alphas[t] > 0);
    const scale = (x) => (logarithmic ? Math.log10(x) : x);
    const [low, high] = [scale(alphas[rows[0]]), scale(alphas[rows.at(-1)])];
    const finite = rows.flatMap((t) => [...arrays.real.values.subarray(t * L, (t + 1) * L)]).filter(Number.isFinite);
    const most = Math.max(squeezed(Math.max(...finite, LINEAR)), 1);
    const least = Math.min(squeezed(Math.min(...finite, -LINEAR)), -1);
    const x = (alpha) => LEFT + ((scale(alpha) - low) / (high - low || 1)) * (WIDTH - LEFT - 16);
    const y = (value) => TOP + ((most - squeezed(value)) / (most - least)) * (HEIGHT - TOP - BOTTOM);
    const parts = [draw("rect", { x: LEFT, y: TOP, width: WIDTH - LEFT - 16, height: HEIGHT - TOP - BOTTOM, class: "frame" })];
    const tick = (at, words, anchor, dx, dy) => draw("text", { x: at[0] + dx, y: at[1] + dy, "text-anchor": anchor }, words);
    for (let power = -3; power <= 3; power++) for (const sign of [1, -1]) {
      const value = sign * 10 ** power;
      if (squeezed(value) > most + 1e-9 || squeezed(value) < least - 1e-9) continue;
      parts.push(draw("line", { x1: LEFT, x2: WIDTH - 16, y1: y(value), y2: y(value), class: "axis" }), tick([LEFT, y(value)], text(value), "end", -6, 5));
    }
    parts.push(draw("line", { x1: LEFT, x2: WIDTH - 16, y1: y(0), y2: y(0), class: "zero" }), tick([LEFT, y(0)], "0", "end", -6, 5));
    for (let j = 0; j <= 4; j++) {
      const alpha = logarithmic ? 10 ** (low + (j / 4) * (high - low)) : low + (j / 4) * (high - low);
      parts.push(tick([x(alpha), HEIGHT - BOTTOM], text(alpha, 2), "middle", 0, 18));
    }
    parts.push(tick([LEFT + (WIDTH - LEFT) / 2, HEIGHT], "α", "middle", 0, -8));
    const up = draw("text", { transform: `translate(16 ${HEIGHT / 2}) rotate(-90)`, "text-anchor": "middle" }, "Re λ");
    parts.push(up);
    let growing = 0;
    for (const t of rows) for (let l = 0; l < L; l++) {
      const value = arrays.real.values[t * L + l];
      if (!Number.isFinite(value)) continue;
      const [px, py] = [x(alphas[t]), y(value)];
      if (arrays.grows.values[t * L + l]) {
        growing += 1;
        parts.push(draw("path", { d: `M${px} ${py - 4}l4 7h-8z`, class: "grows" }));
      } else parts.push(draw("circle", { cx: px, cy: py, r: 1.8, class: "others" }));
    }
    svg.replaceChildren(...parts);
    const first = arrays.grows.values.subarray(0, L).reduce((a, b) => a + b, 0);
    said.textContent = `Triangles grow (${first} directions at the start), dots do not; linear up to ${text(LINEAR)}. ${growing ? "" : "Nothing grows."}`;
  });

  return {
    name: "spectrum",
    title: "spectrum",
    element,
    draw() {
      const rules = Object.keys(explorer.curves);
      const before = rule.value;
      if (rules.join() !== [...rule.options].map((each) => each.value).join()) rule.replaceChildren(...rules.map((each) => make("option", { value: each }, RULES[each].name)));
      rule.value = rules.includes(before) ? before : rules[0];
      if (!explorer.header.draft) ask();
    },
    left: () => link.ask("stop", { slot: "spectrum" }),
  };
}
