// Curves over α: theory as lines, runs behind them as they grow.

import uPlot from "uplot";

import { DASHES, RULES, UNITS } from "./colours.js";
import { make, sample, symbol } from "./dom.js";
import { power, text } from "./numbers.js";

const FLOOR = 1e-16; // eps_g below it is rounding

const ink = (element, name) => getComputedStyle(element).getPropertyValue(name).trim();

/** One panel of curves; `draw` replaces what is in it. */
export class Panel {
  constructor(title, { log = false, range = null } = {}) {
    this.options = { log, range };
    this.place = make("div", { class: "place" });
    this.legend = make("div", { class: "legend" });
    this.heading = make("h3", {}, symbol(title));
    this.element = make("figure", { class: "panel" }, make("figcaption", {}, this.heading, this.legend), this.place);
    this.signature = "";
    this.runs = [];
    this.lines = [];
    new ResizeObserver(() => this.plot?.setSize(this.size())).observe(this.place);
  }

  size() {
    return { width: Math.max(200, this.place.clientWidth), height: Math.max(120, this.place.clientHeight) };
  }

  /** Lines, each {x, y, colour, dash, label, width}, over a logarithmic α or not. */
  draw(lines, logarithmic) {
    this.lines = lines;
    const joined = this.join(lines, logarithmic);
    const signature = JSON.stringify([lines.map(({ colour, dash, label, width }) => [colour, dash, label, width]), logarithmic]);
    if (signature !== this.signature) {
      this.plot?.destroy();
      this.signature = signature;
      this.plot = new uPlot(this.made(lines, logarithmic), joined, this.place);
      this.legend.replaceChildren(...this.entries(lines));
    } else this.plot.setData(joined);
  }

  /** Runs behind the lines, each {x, y, colour}. */
  behind(runs) {
    this.runs = runs;
    this.plot?.redraw(false);
  }

  join(lines, logarithmic) {
    const tables = lines.map(({ x, y }) => {
      const kept = [[], []];
      for (let i = 0; i < x.length; i++) {
        if (logarithmic && !(x[i] > 0)) continue;
        kept[0].push(x[i]);
        kept[1].push(this.options.log && !(y[i] > FLOOR) ? null : Number.isFinite(y[i]) ? y[i] : null);
      }
      return kept;
    });
    return tables.length ? uPlot.join(tables) : [[], []];
  }

  entries(lines) {
    return lines.filter(({ label }) => label).map(({ colour, dash, label }) => make("span", {}, sample(colour, dash), label));
  }

  made(lines, logarithmic) {
    const { log, range } = this.options;
    const colour = () => ink(this.element, "--ink");
    const grid = { stroke: () => ink(this.element, "--grid"), width: 1 };
    const powers = (_, ticks) => ticks.map((tick) => (tick !== null && power(tick) ? tick : null));
    const ofPowers = { grid: { ...grid, filter: powers }, values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : power(tick))) };
    const ofNumbers = { grid, values: (_, ticks) => ticks.map((tick) => text(tick)) };
    return {
      ...this.size(),
      legend: { show: false },
      cursor: { drag: { x: true, y: false }, points: { size: 6 } },
      scales: {
        x: { time: false, distr: logarithmic ? 3 : 1 },
        y: log ? { distr: 3 } : range ? { range } : {},
      },
      axes: [
        { stroke: colour, ticks: grid, label: "α", labelSize: 16, size: 34, ...(logarithmic ? ofPowers : ofNumbers) },
        { stroke: colour, ticks: grid, size: 56, ...(log ? ofPowers : ofNumbers) },
      ],
      series: [{}, ...lines.map(({ colour: stroke, dash, width, label }) => ({ stroke, dash, width: width ?? 2, label, points: { show: false }, spanGaps: true }))],
      hooks: { drawAxes: [(plot) => this.paint(plot)] },
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

/** Column j of an array (A, …) as if it were (A, width). */
export function column({ values, shape }, j) {
  const width = shape.slice(1).reduce((a, b) => a * b, 1);
  const found = new Float64Array(shape[0]);
  for (let i = 0; i < found.length; i++) found[i] = values[i * width + j];
  return found;
}

/** The lines of a quantity of each rule: eps_g, alignment, F. */
export function ofRules(curves, name) {
  return Object.entries(curves).filter(([, of]) => of[name]).map(([rule, of]) => ({ x: of.alphas.values, y: column(of[name], 0), colour: RULES[rule].colour, dash: RULES[rule].dash, label: RULES[rule].name, width: 2.2 }));
}

const INDEX = {
  R: ([, K, M]) => [...Array(K * M).keys()].map((j) => [j, Math.floor(j / M), j % M]),
  Q: ([, K]) => [...Array(K * K).keys()].map((j) => [j, Math.floor(j / K), j % K]).filter(([, i, k]) => i <= k),
  v: ([, K, O = 1]) => [...Array(K * O).keys()].map((j) => [j, Math.floor(j / O), j % O]),
};

/** The lines of all entries of an order parameter of one rule: a colour for the student, a dash for the other index. */
export function ofEntries(of, name) {
  if (!of?.[name]) return [];
  const entries = INDEX[name](of[name].shape);
  const one = name === "v" && (of.v.shape[2] ?? 1) === 1;
  return entries.map(([j, i, n]) => ({
    x: of.alphas.values, y: column(of[name], j), colour: UNITS[i % UNITS.length], dash: DASHES[(one ? Math.floor(i / UNITS.length) : n) % DASHES.length], width: 1.5,
    label: entries.length <= 9 ? `${name}${one ? subscript(i + 1) : subscript(i + 1) + subscript(n + 1)}` : "",
  }));
}

const subscript = (n) => [...String(n)].map((digit) => "₀₁₂₃₄₅₆₇₈₉"[digit]).join("");
