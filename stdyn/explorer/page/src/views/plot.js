// What maps share: the canvas, the colours, the axes, the marks and what the colours mean.

import { range } from "../arrays.js";
import { make } from "../dom.js";
import { text } from "../numbers.js";
import { ticks } from "../ticks.js";

// cividis, which all eyes read alike, and grey paper too: dark is low, light is high; white is infinite, hatched is none
const RAMP = [[0, 34, 78], [18, 53, 112], [59, 73, 108], [87, 93, 109], [112, 113, 115], [138, 134, 120], [165, 156, 116], [195, 179, 105], [225, 204, 85], [254, 232, 56]];
const INFINITE = [255, 255, 255];
const MARGINS = { left: 64, right: 14, top: 8, bottom: 46 };

const FINEST = 255; // steps of colour
const COLOURS = range(FINEST + 1).map((n) => colour(n / FINEST)).concat([INFINITE]);
const STYLES = COLOURS.map((each) => `rgb(${each})`);

/** What the quantities of a summary are called. */
const QUANTITIES = {
  eps_g_start: "ε_g at α = 0", eps_g_final: "ε_g at the end", b_norm: "|b|", b_smallest: "smallest |b_i|",
  alignment_start: "cos ∠(v, b) at α = 0", alignment_final: "cos ∠(v, b) at the end",
  plateau_height: "plateau ε_g", plateau_start: "plateau from α", plateau_end: "escape at α", plateau_length: "length of the plateau",
  specialised: "specialised units", diverged_at: "diverges at α", failed_at: "solver fails at α", forgetting: "forgetting", transfer: "transfer",
};

/** What a quantity is called, of several tasks with the number of its own: eps_g_final_2. */
export function called(name) {
  const [, whole, task] = name.match(/^(.*?)(?:_(\d+))?$/);
  return QUANTITIES[whole] ? QUANTITIES[whole] + (task ? `, task ${task}` : "") : name;
}

/** Quantities whose sizes are told apart by their logarithms. */
export const LOGARITHMIC = ["eps_g_start", "eps_g_final", "plateau_height", "plateau_start", "plateau_end", "plateau_length", "diverged_at", "failed_at"];

/** The colour of a part from 0 to 1. */
function colour(part) {
  const at = Math.min(Math.max(part, 0), 1) * (RAMP.length - 1);
  const low = Math.min(Math.floor(at), RAMP.length - 2);
  return RAMP[low].map((each, j) => Math.round(each + (RAMP[low + 1][j] - each) * (at - low)));
}

/**
 * The colours of values: `of(value)` as numbers and `style(value)` as CSS has them, null where there is none; `low` and
 * `high` are the ends, if any value is finite.
 */
export function shades(values, log) {
  const size = (x) => (log ? (x > 0 ? Math.log10(x) : NaN) : x);
  const found = { low: Infinity, high: -Infinity, log, infinite: false, none: false };
  for (const each of values) {
    const x = size(each);
    if (Number.isFinite(x)) {
      if (x < found.low) found.low = x;
      if (x > found.high) found.high = x;
    } else if (each === Infinity) found.infinite = true;
    else if (each !== undefined) found.none = true;
  }
  /** Which of the colours it is, the last for what is infinite; -1 of none. */
  function which(value) {
    if (value === Infinity) return COLOURS.length - 1;
    const x = size(value);
    return Number.isFinite(x) ? Math.round(((x - found.low) / (found.high - found.low || 1)) * FINEST) : -1;
  }
  found.of = (value) => COLOURS[which(value)] ?? null;
  found.style = (value) => STYLES[which(value)] ?? null;
  return found;
}

/** What the colours mean. */
export function legend(element, { low, high, log, infinite, none }, endless) {
  const bar = make("span", { class: "bar", style: `background: linear-gradient(to right, ${RAMP.map((each) => `rgb(${each})`).join(",")})` });
  const number = (x) => text(log ? 10 ** x : x);
  const words = low <= high ? [`${number(low)} to ${number(high)}${log ? ", logarithmic" : ""}`] : [];
  if (infinite) words.push(`white: ${endless}`);
  if (none) words.push("hatched: none");
  element.replaceChildren(bar, ` ${words.join("; ")}`);
}

/** What an infinite value of a quantity says. */
export const endless = (quantity) => (quantity === "diverged_at" ? "does not diverge" : quantity === "failed_at" ? "does not fail" : "not left until α max");

/** The number at a part of an axis, and the part at a number. */
export const onto = ({ low, high, log }, part) => (log ? low * (high / low) ** part : low + (high - low) * part);
export const partOf = ({ low, high, log }, x) => (log ? Math.log(x / low) / Math.log(high / low) : (x - low) / (high - low));

/** A canvas that is as sharp as the screen, and as large as there is room; `paint` is called when that changes. */
export class Chart {
  constructor(canvas, paint) {
    Object.assign(this, { canvas, ctx: canvas.getContext("2d"), width: 0 });
    new ResizeObserver(() => { if (canvas.clientWidth && (canvas.clientWidth !== this.width || canvas.clientHeight !== this.height)) paint(); }).observe(canvas);
  }

  /** Begin anew: nothing is drawn, and the frame is that of the size now. */
  clear() {
    const sharp = Math.max(window.devicePixelRatio || 1, 2); // also where a picture of it is saved
    this.width = this.canvas.clientWidth || this.width || 640;
    this.height = Math.round(Math.min(Math.max(0.75 * this.width, 260), parseFloat(getComputedStyle(this.canvas).maxHeight) || 480));
    this.canvas.style.height = `${this.height}px`;
    [this.canvas.width, this.canvas.height] = [this.width * sharp, this.height * sharp];
    this.ctx.setTransform(sharp, 0, 0, sharp, 0, 0);
    const { left, right, top, bottom } = MARGINS;
    this.frame = { left, top, width: this.width - left - right, height: this.height - top - bottom };
  }

  /** Fill the frame as what has no number is filled. */
  hatch() {
    const { ctx, frame } = this;
    ctx.save();
    ctx.beginPath();
    ctx.rect(frame.left, frame.top, frame.width, frame.height);
    ctx.clip();
    ctx.fillStyle = "#c4c4c4";
    ctx.fill();
    ctx.strokeStyle = "#6e6e6e";
    ctx.lineWidth = 1;
    ctx.beginPath();
    for (let x = frame.left - frame.height; x < frame.left + frame.width; x += 7) {
      ctx.moveTo(x, frame.top + frame.height);
      ctx.lineTo(x + frame.height, frame.top);
    }
    ctx.stroke();
    ctx.restore();
  }

  /** The frame, its ticks and labels. */
  axes(x, y, under, beside) {
    const { ctx, frame } = this;
    ctx.fillStyle = ctx.strokeStyle = getComputedStyle(this.canvas).color;
    ctx.lineWidth = 1;
    ctx.font = "12px system-ui, sans-serif";
    ctx.strokeRect(frame.left, frame.top, frame.width, frame.height);
    ctx.textAlign = "center";
    const base = frame.top + frame.height;
    for (const each of ticks(x, frame.width / 70)) {
      const at = frame.left + partOf(x, each) * frame.width;
      ctx.fillRect(at - 0.5, base, 1, 4);
      ctx.fillText(text(each, 4), at, base + 17);
    }
    ctx.fillText(under, frame.left + frame.width / 2, base + 37);
    ctx.textAlign = "right";
    for (const each of ticks(y, frame.height / 45)) {
      const at = base - partOf(y, each) * frame.height;
      ctx.fillRect(frame.left - 4, at - 0.5, 4, 1);
      ctx.fillText(text(each, 4), frame.left - 7, at + 4);
    }
    ctx.save();
    ctx.translate(13, frame.top + frame.height / 2);
    ctx.rotate(-Math.PI / 2);
    ctx.textAlign = "center";
    ctx.fillText(beside, 0, 0);
    ctx.restore();
  }

  /** A sign that is seen on every colour, at parts of the axes. */
  mark([x, y], sign) {
    const { ctx, frame } = this;
    ctx.save();
    ctx.font = "bold 22px system-ui, sans-serif";
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    ctx.lineWidth = 4;
    ctx.strokeStyle = "#000";
    ctx.fillStyle = "#fff";
    const at = [frame.left + x * frame.width, frame.top + (1 - y) * frame.height];
    ctx.strokeText(sign, ...at);
    ctx.fillText(sign, ...at);
    ctx.restore();
  }

  /** Where on the canvas an event is, in the units in which it is drawn. */
  where(event) {
    const box = this.canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * this.width, ((event.clientY - box.top) / box.height) * this.height];
  }

  /** The parts of the axes at an event; null outside the frame. */
  parts(event) {
    const [px, py] = this.where(event);
    const [x, y] = [(px - this.frame.left) / this.frame.width, 1 - (py - this.frame.top) / this.frame.height];
    return x >= 0 && x <= 1 && y >= 0 && y <= 1 ? [x, y] : null;
  }
}

/** The step that an arrow key says, across and up; null of another key. */
export const arrow = ({ key }) => ({ ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] })[key] ?? null;
