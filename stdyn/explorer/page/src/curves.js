// Curves over α: theory as lines, runs behind them as they grow.

import uPlot from "uplot";

import { column, range, row } from "./arrays.js";
import { DASHES, RULES, UNITS } from "./colours.js";
import { make, sample, symbol } from "./dom.js";
import { power, text } from "./numbers.js";
import { ofLogarithmic, ticks } from "./ticks.js";
import { zoomed } from "./zoom.js";

const FLOOR = 1e-16; // eps_g below it is rounding
const NEAR = 24; // pixels from a line at which it is pointed at
const TICK = { x: 45, y: 25 }; // pixels that a number at an axis takes
const FEW = 9; // lines that a legend names one by one

const JUMP = { label: "┊ jump", colour: null };

const inks = new Map(); // colours by theme and name: to read one while the page changes has its styles found anew

/** A colour of the page, as its style sheet has it. */
function ink(element, name) {
  const { theme } = element.closest("[data-theme]")?.dataset ?? {};
  const key = `${theme} ${name}`;
  if (theme && inks.has(key)) return inks.get(key);
  const colour = getComputedStyle(element).getPropertyValue(name).trim();
  if (theme && colour) inks.set(key, colour);
  return colour;
}

/** One panel of curves; `draw` replaces what is in it. Pointed at, or with the arrow keys, it says what a line is and where. */
export class Panel {
  constructor(title, { log = false, range = null } = {}) {
    this.options = { log, range };
    this.place = make("div", { class: "place", tabindex: 0, role: "group", "aria-label": `${title} over α; left and right move along a line, up and down to the next one, plus and minus zoom, 0 shows all`, onkeydown: (event) => this.move(event), onblur: () => this.point(-1, -1) });
    this.readout = make("output", { class: "readout" });
    this.legend = make("div", { class: "legend" });
    this.heading = make("h2", {}, symbol(title));
    this.element = make("figure", { class: "panel", "aria-label": title }, make("figcaption", {}, this.heading, this.legend), this.place);
    this.element.panel = this;
    this.signature = "";
    this.silence = ""; // what is said while nothing is pointed at
    this.runs = [];
    this.lines = [];
    this.alphas = [];
    this.focus = { line: 0, at: 0 };
    new ResizeObserver(() => this.plot?.setSize(this.size())).observe(this.place);
  }

  size() {
    return { width: Math.max(200, this.place.clientWidth), height: Math.max(120, this.place.clientHeight) };
  }

  /** Lines, each {x, y, colour, dash, label, width}, over a logarithmic α or not; the legend is of those with a label, unless
   * it is given, and there may be alphas at which something jumps, each a vertical line. */
  draw(lines, logarithmic, legend = lines.filter(({ label }) => label), alphas = []) {
    this.lines = lines;
    this.alphas = alphas;
    if (alphas.length) legend = [...legend, JUMP];
    const joined = this.join(lines, logarithmic);
    const signature = JSON.stringify([lines.map(({ colour, dash, label, width }) => [colour, dash, label, width]), logarithmic, legend.map(({ colour, dash, label }) => [colour, dash, label])]);
    if (signature !== this.signature) {
      this.plot?.destroy();
      this.signature = signature;
      this.place.replaceChildren();
      this.plot = new uPlot(this.made(lines, logarithmic), joined, this.place);
      this.place.append(this.readout);
      this.legend.replaceChildren(...legend.map((each) => this.entry(each)));
    } else this.plot.setData(joined);
    this.silence = lines.length && !joined[0].length ? "no α above 0 has been reached" : "";
    this.readout.textContent = this.silence;
  }

  /** Runs behind the lines, each {x, y, colour}. */
  behind(runs) {
    this.runs = runs;
    this.plot?.redraw(false);
  }

  /** The lines as uPlot has them: one list of alphas, and values of each. */
  join(lines, logarithmic) {
    const drawn = (y) => (this.options.log && !(y > FLOOR) ? null : Number.isFinite(y) ? y : null);
    const part = (all, x) => Array.from(logarithmic ? all.filter((_, i) => x[i] > 0) : all);
    if (!lines.length) return [[], []];
    const [{ x: first }] = lines;
    if (lines.every(({ x }) => x === first)) return [part(first, first), ...lines.map(({ y }) => part(y, first).map(drawn))];
    return uPlot.join(lines.map(({ x, y }) => [part(x, x), part(y, x).map(drawn)]));
  }

  entry({ label, colour = "currentColor", dash = [] }) {
    return make("span", {}, colour ? sample(colour, dash) : "", label);
  }

  /** Say the value of a line at a place of the list of alphas, and have it stand out; of no line if it is -1. */
  point(line, at) {
    const [alphas, values] = [this.plot?.data[0], this.plot?.data[line + 1]];
    const known = line >= 0 && values?.[at] !== null && values?.[at] !== undefined;
    this.readout.textContent = known ? `${this.lines[line].label} = ${text(values[at])} at α = ${text(alphas[at])}` : this.silence;
    if (this.lines.length > 1) this.plot?.setSeries(known ? line + 1 : null, { focus: true });
  }

  /** Along a line, or to another one, or nearer, by keys. */
  move(event) {
    const [along, over] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [0, 0];
    const count = this.plot?.data[0].length;
    if (!event.ctrlKey && !event.metaKey && zoomed(this.plot, event.key, this.plot?.data[0][this.focus.at])) event.preventDefault();
    if (!(along || over) || !count || !this.lines.length) return;
    event.preventDefault();
    const { focus } = this;
    focus.line = (focus.line + over + this.lines.length) % this.lines.length;
    focus.at = Math.min(Math.max(focus.at + along, 0), count - 1);
    this.point(focus.line, focus.at);
  }

  /** What the pointer is at: the nearest line, if one is near. */
  pointed(plot) {
    const { left, top, idx } = plot.cursor;
    if (idx === null || idx === undefined || !(left >= 0)) return this.point(-1, -1);
    const away = this.lines.map((_, j) => {
      const value = plot.data[j + 1][idx];
      return value === null || value === undefined ? Infinity : Math.abs(plot.valToPos(value, "y") - top);
    });
    const line = away.indexOf(Math.min(...away));
    if (!(away[line] < NEAR)) return this.point(-1, -1);
    this.focus = { line, at: idx };
    return this.point(line, idx);
  }

  made(lines, logarithmic) {
    const { log, range } = this.options;
    const colour = () => ink(this.element, "--ink");
    const grid = { stroke: () => ink(this.element, "--grid"), width: 1 };
    const most = { x: () => Math.floor(this.size().width / TICK.x), y: () => Math.floor(this.size().height / TICK.y) };
    /** Of a logarithmic axis: lines and numbers at round ones, and ticks between them. */
    const ofPowers = (axis) => {
      const written = ({ scales }) => ticks({ low: scales[axis].min, high: scales[axis].max, log: true }, most[axis]());
      const only = (plot, all) => all.map((tick) => (written(plot).includes(tick) ? tick : null));
      return {
        grid: { ...grid, filter: only },
        splits: (plot, _, low, high) => ofLogarithmic(low, high, written(plot)),
        filter: only,
        values: (_, all) => all.map((tick) => (tick === null ? "" : power(tick) || text(tick))),
      };
    };
    const ofNumbers = { grid, values: (_, all) => all.map((tick) => text(tick)) };
    return {
      ...this.size(),
      legend: { show: false },
      cursor: { drag: { x: true, y: false }, points: { show: false } },
      focus: { alpha: 0.35 },
      scales: {
        x: { time: false, distr: logarithmic ? 3 : 1, range: (_, min, max) => (min === max && min !== null ? [0.9 * min, 1.1 * max || 1] : [min, max]) },
        y: log ? { distr: 3 } : range ? { range } : {},
      },
      axes: [
        { stroke: colour, ticks: grid, label: "α", labelSize: 16, size: 34, ...(logarithmic ? ofPowers("x") : ofNumbers) },
        { stroke: colour, ticks: grid, size: 56, ...(log ? ofPowers("y") : ofNumbers) },
      ],
      series: [{}, ...lines.map(({ colour: stroke, dash, width, label }) => ({ stroke, dash, width: width ?? 2, label, points: { show: false } }))],
      hooks: { drawAxes: [(plot) => this.paint(plot)], setCursor: [(plot) => this.pointed(plot)] },
    };
  }

  paint(plot) {
    const { ctx } = plot;
    const { left, top, width, height } = plot.bbox;
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, top, width, height);
    ctx.clip();
    ctx.lineWidth = devicePixelRatio;
    ctx.strokeStyle = ink(this.element, "--edge");
    ctx.setLineDash([2, 3].map((part) => part * devicePixelRatio));
    for (const alpha of this.alphas) {
      const x = plot.valToPos(alpha, "x", true);
      ctx.strokeRect(x, top, 0, height);
    }
    ctx.setLineDash([]);
    ctx.globalAlpha = 0.4;
    for (const { x, y, colour } of this.runs) {
      ctx.strokeStyle = colour;
      ctx.beginPath();
      for (let i = 0; i < x.length; i++) {
        if (!(x[i] > 0 || plot.scales.x.distr === 1) || !Number.isFinite(y[i]) || (this.options.log && y[i] <= FLOOR)) continue;
        ctx.lineTo(plot.valToPos(x[i], "x", true), plot.valToPos(y[i], "y", true));
      }
      ctx.stroke();
    }
    ctx.restore();
  }
}

/** The lines of a quantity of each rule: eps_g, alignment, F. */
export function ofRules(curves, name) {
  return Object.entries(curves).filter(([, of]) => of[name]).map(([rule, of]) => ({ x: of.alphas.values, y: column(of[name], 0), colour: RULES[rule].colour, dash: RULES[rule].dash, label: RULES[rule].name, width: 2.2 }));
}

/** Those of runs, (runs, A, …): of every run what `lines` makes of its arrays. */
export function ofRuns(of, name, lines) {
  if (!of?.[name]) return [];
  const [count, ...shape] = of[name].shape;
  return range(count).flatMap((k) => lines({ ...of, [name]: { values: row(of[name], k), shape } }));
}

/** The lines of a quantity of one rule that has one for each of something: outputs, tasks. */
export function ofEach(of, name, called) {
  return range(of[name].shape[1]).map((n) => ({ x: of.alphas.values, y: column(of[name], n), ...looks(n, Math.floor(n / UNITS.length)), label: `${called} ${n + 1}`, width: 1.8 }));
}

/** A colour for one index and a dash for the other. */
const looks = (i, n) => ({ colour: UNITS[i % UNITS.length], dash: DASHES[n % DASHES.length] });

const INDEX = {
  R: ([, K, M]) => range(K * M).map((j) => [j, Math.floor(j / M), j % M]),
  Q: ([, K]) => range(K * K).map((j) => [j, Math.floor(j / K), j % K]).filter(([, i, k]) => i <= k),
  v: ([, K, O = 1]) => range(K * O).map((j) => [j, Math.floor(j / O), j % O]),
};
const OTHER = { R: "teacher", Q: "other student", v: "output" }; // what the second index is of

/** Whether v has one output, and needs one index only. */
const single = (of, name) => name === "v" && (of.v.shape[2] ?? 1) === 1;

/** The lines of all entries of an order parameter of one rule: a colour for the student, a dash for the other index. */
export function ofEntries(of, name) {
  const entries = INDEX[name](of[name].shape);
  const one = single(of, name);
  return entries.map(([j, i, n]) => ({
    x: of.alphas.values, y: column(of[name], j), ...looks(i, one ? Math.floor(i / UNITS.length) : n), width: entries.length > 60 ? 1 : 1.5,
    label: `${name}${indices(one ? [i + 1] : [i + 1, n + 1])}`,
  }));
}

/** Their legend: the lines, if they are few, else what colours and dashes mean; where both come again, how to tell. */
export function legendOf(of, name, lines) {
  if (lines.length <= FEW) return lines;
  const [, K, M = 1] = of[name].shape;
  if (K > UNITS.length || M > DASHES.length) return [{ label: `a colour for each student${M > 1 ? `, a dash for each ${OTHER[name]}` : ""}, both again and again; point at a line to read which it is`, colour: null }];
  const colours = range(K).map((i) => ({ label: `student ${i + 1}`, colour: UNITS[i] }));
  const dashes = range(M).map((n) => ({ label: `${OTHER[name]} ${n + 1}`, dash: DASHES[n] }));
  return single(of, name) ? colours : [...colours, ...dashes];
}

const subscript = (n) => [...String(n)].map((digit) => "₀₁₂₃₄₅₆₇₈₉"[digit]).join("");

/** Indices below the line; with a comma between them if one has two digits. */
const indices = (all) => all.map(subscript).join(all.some((n) => n > 9) ? "," : "");
