// The spectrum along a trajectory: real parts of the eigenvalues of the Jacobian, what grows in colour. It comes in parts.

import { nearest, row } from "../arrays.js";
import { make, svg } from "../dom.js";
import { REFUSALS } from "../link.js";
import { text } from "../numbers.js";
import { ticks } from "../ticks.js";
import { moment } from "./moment.js";

const [WIDE, NARROW, HEIGHT, LEFT, RIGHT, BOTTOM, TOP] = [760, 400, 330, 76, 16, 44, 12];
const START = 40; // the room of α = 0 beside a logarithmic axis
const LINEAR = 1e-3; // up to here the axis is linear
const WRITTEN = 6; // numbers at the axis of α, at most, about
const POWERS = [-3, -2, -1, 0, 1, 2, 3, 4, 5, 6];

const squeezed = (x) => Math.sign(x) * (Math.abs(x) <= LINEAR ? Math.abs(x) / LINEAR : 1 + Math.log10(Math.abs(x) / LINEAR));

export function spectrum(page) {
  const { explorer, link } = page;
  const picture = svg("svg", { class: "spectrum", role: "img", viewBox: `0 0 ${WIDE} ${HEIGHT}` });
  const said = make("p", { class: "said" });
  const progress = make("p", { class: "said", role: "status" });
  const chosen = moment(page, "spectrum", look);
  const element = make("div", { class: "mapped" }, chosen.element, picture, said, progress);
  let asked = ""; // the rule and the state of the spectrum that is shown
  let columns = []; // {alpha, real, grows} in the order of alpha
  let where = null; // the moment that is looked at
  let width = WIDE; // of the picture, less where there is less room
  new ResizeObserver(() => requestAnimationFrame(() => {
    if (columns.length && width !== room()) paint();
  })).observe(element);
  const room = () => (element.clientWidth < 560 ? NARROW : WIDE);
  let awaited = null; // the request whose parts are drawn

  /** Ask for the spectrum, if it is another one; while something is dragged that of before ends. */
  function ask() {
    const { header } = explorer;
    const wanted = JSON.stringify([header.draft, where?.rule, header.state]);
    if (wanted === asked) return;
    [asked, columns] = [wanted, []];
    explorer.spectrum = null;
    progress.textContent = header.draft ? "The spectrum is computed when the slider is let go." : "Eigenvalues are computed …";
    if (header.draft || !where) stop();
    else awaited = link.ask("spectrum", { state: header.state, rule: where.rule });
  }

  function stop() {
    awaited = null;
    link.ask("stop", { slot: "spectrum" });
  }

  function look(there) {
    where = there;
    ask();
    paint();
  }

  link.on("spectrum", (header, arrays) => {
    if (header.id !== awaited) return;
    const count = arrays.alphas.shape[0];
    for (let t = 0; t < count; t++) columns.push({ alpha: arrays.alphas.values[t], real: row(arrays.real, t), grows: row(arrays.grows, t) });
    columns.sort((a, b) => a.alpha - b.alpha);
    const done = columns.length === header.count;
    progress.textContent = done ? "" : `Eigenvalues are computed: ${columns.length} of ${header.count} α.`;
    explorer.spectrum = { rule: header.rule, done, columns };
    paint();
  });
  link.on(REFUSALS, (header) => {
    if (header.id === awaited) progress.textContent = `There is no spectrum: ${header.words}`;
  });

  function paint() {
    picture.replaceChildren();
    said.textContent = "";
    picture.toggleAttribute("hidden", !columns.length);
    if (!columns.length) return;
    width = room();
    picture.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    const at = scales(columns, page.logarithmic(), width);
    const here = columns[nearest(columns.map(({ alpha }) => alpha), where?.alpha ?? Infinity)] ?? columns.at(-1);
    picture.append(...frame(at), ...marks(at, columns), svg("line", { x1: at.x(here.alpha), x2: at.x(here.alpha), y1: TOP, y2: HEIGHT - BOTTOM, class: "here" }));
    const words = inWords(here);
    said.textContent = `${words} Triangles grow, dots do not; up to ±${text(LINEAR)} the axis is linear.`;
    picture.setAttribute("aria-label", `Real parts of the eigenvalues of the Jacobian along the trajectory. ${words}`);
  }

  return {
    name: "spectrum",
    title: "spectrum",
    element,
    draw: chosen.draw,
    left() {
      asked = "";
      stop();
    },
  };
}

/** What grows at one α, and how fast. */
function inWords({ alpha, real, grows }) {
  const known = real.filter(Number.isFinite);
  const count = grows.reduce((a, b) => a + b, 0);
  if (!known.length) return `At α = ${text(alpha)} the spectrum is not known.`;
  const most = Math.max(...known);
  const how = count ? `${count} of ${known.length} directions grow, the fastest with rate ${text(most)}, by a factor e in α of ${text(1 / most)}` : `none of ${known.length} directions grows; the largest real part is ${text(most)}`;
  return `At α = ${text(alpha)}: ${how}.`;
}

/** Where an α and a real part are in the picture. On a logarithmic axis α = 0 stands by itself, on the left. */
function scales(columns, logarithmic, width) {
  const alphas = columns.map(({ alpha }) => alpha);
  const first = logarithmic ? alphas.find((alpha) => alpha > 0) ?? 1 : alphas[0];
  const apart = logarithmic && alphas[0] <= 0;
  const scale = (alpha) => (logarithmic ? Math.log10(alpha) : alpha);
  const last = Math.max(alphas.at(-1), first);
  const [low, high] = [scale(first), scale(last)];
  const written = last > first ? ticks({ low: first, high: last, log: logarithmic }, WRITTEN) : [first];
  const begin = LEFT + (apart ? START : 0);
  const part = (share) => begin + share * (width - begin - RIGHT);
  let [least, most] = [-1, 1];
  for (const { real } of columns) for (const value of real) if (Number.isFinite(value)) [least, most] = [Math.min(least, squeezed(value)), Math.max(most, squeezed(value))];
  const y = (value) => TOP + ((most - squeezed(value)) / (most - least)) * (HEIGHT - TOP - BOTTOM);
  const x = (alpha) => (apart && alpha <= 0 ? LEFT + START / 3 : part((scale(alpha) - low) / (high - low || 1)));
  return { x, y, least, most, width, written: [...(apart ? [0] : []), ...written] };
}

/** The frame, its ticks and its labels. */
function frame({ x, y, least, most, width, written }) {
  const words = (left, top, anchor, what) => svg("text", { x: left, y: top, "text-anchor": anchor }, what);
  const parts = [svg("rect", { x: LEFT, y: TOP, width: width - LEFT - RIGHT, height: HEIGHT - TOP - BOTTOM, class: "frame" })];
  const values = POWERS.flatMap((power) => [10 ** power, -(10 ** power)]).filter((value) => squeezed(value) <= most + 1e-9 && squeezed(value) >= least - 1e-9);
  for (const value of [...values, 0]) {
    parts.push(svg("line", { x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value), class: value ? "axis" : "zero" }));
    parts.push(words(LEFT - 6, y(value) + 5, "end", text(value)));
  }
  for (const alpha of written) parts.push(words(x(alpha), HEIGHT - BOTTOM + 18, "middle", text(alpha)));
  parts.push(words(LEFT + (width - LEFT) / 2, HEIGHT - 6, "middle", "α"));
  parts.push(svg("text", { transform: `translate(16 ${HEIGHT / 2}) rotate(-90)`, "text-anchor": "middle" }, "Re λ"));
  return parts;
}

/** All eigenvalues in two paths: triangles of those that grow, dots of the others. */
function marks({ x, y }, columns) {
  const [triangles, dots] = [[], []];
  for (const { alpha, real, grows } of columns) real.forEach((value, l) => {
    if (!Number.isFinite(value)) return;
    const [px, py] = [x(alpha).toFixed(1), y(value)];
    if (grows[l]) triangles.push(`M${px} ${(py - 4).toFixed(1)}l4 7h-8z`);
    else dots.push(`M${px} ${py.toFixed(1)}h0`);
  });
  return [svg("path", { d: dots.join(""), class: "others" }), svg("path", { d: triangles.join(""), class: "grows" })];
}
