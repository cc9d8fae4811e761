// Numbers of a panel, read with the pointer or with keys: a box beside the cursor, and words for a screen reader.

import { make, sample } from "./dom.js";
import { text } from "./numbers.js";

const MOST = 10; // lines that the box names; of more, the nearest one

const AWAY = { left: -10, top: -10 }; // where the cursor is not seen

/** What a panel's cursor reads. */
export class Reading {
  constructor(panel, title) {
    this.panel = panel;
    this.box = make("div", { class: "reading", hidden: true });
    const { place } = panel;
    place.append(this.box);
    const attributes = { role: "slider", tabindex: 0, "aria-label": `${title}, read along α`, "aria-valuemin": 0, "aria-valuemax": 0, "aria-valuenow": 0, "aria-valuetext": "arrow keys read, plus and minus zoom, 0 shows all" };
    for (const [name, value] of Object.entries(attributes)) place.setAttribute(name, value);
    place.addEventListener("keydown", (event) => this.key(event));
    place.addEventListener("blur", () => panel.plot?.setCursor(AWAY));
  }

  /** Show what is at the cursor. */
  at(plot) {
    const { idx, left, top } = plot.cursor;
    this.box.hidden = !(idx >= 0) || left < 0 || idx >= plot.data[0].length;
    if (this.box.hidden) return;
    const all = this.panel.lines.map((line, j) => ({ ...line, y: plot.data[j + 1]?.[idx] })).filter(({ y }) => Number.isFinite(y));
    const away = ({ y }) => Math.abs(plot.valToPos(y, "y") - top);
    const read = all.length > MOST ? [all.reduce((best, each) => (away(each) < away(best) ? each : best))] : all;
    const rows = read.map(({ label, y }) => `${label || "the nearest"} ${text(y)}`);
    const here = `α = ${text(plot.data[0][idx])}`;
    this.box.replaceChildren(make("b", {}, here), ...rows.map((words, j) => make("span", {}, sample(read[j].colour, read[j].dash), words)));
    const x = plot.over.offsetLeft + left;
    const isRight = x > this.panel.place.clientWidth / 2;
    Object.assign(this.box.style, isRight ? { left: "", right: `${this.panel.place.clientWidth - x + 10}px` } : { left: `${x + 10}px`, right: "" });
    const { place } = this.panel;
    place.setAttribute("aria-valuemax", plot.data[0].length - 1);
    place.setAttribute("aria-valuenow", idx);
    place.setAttribute("aria-valuetext", [here, ...rows].join(", "));
  }

  key(event) {
    const { plot } = this.panel;
    if (!plot || !plot.data[0].length || event.ctrlKey || event.metaKey || event.altKey) return;
    const last = plot.data[0].length - 1;
    const seen = plot.cursor.left >= 0 ? plot.cursor.idx : null;
    const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 }[event.key];
    const wanted = step ? (seen ?? (step > 0 ? -1 : last + 1)) + step : { Home: 0, End: last }[event.key];
    const factor = { "+": 0.5, "-": 2 }[event.key];
    if (wanted !== undefined) this.move(Math.min(Math.max(wanted, 0), last));
    else if (factor) this.zoom(factor);
    else if (event.key === "0" || event.key === "Escape") this.all();
    else return;
    event.preventDefault();
  }

  /** Read at a point; a zoomed panel goes along. */
  move(idx) {
    const { plot } = this.panel;
    const { min, max } = plot.scales.x;
    const x = plot.data[0][idx];
    if (x < min || x > max) this.all();
    plot.batch(() => plot.setCursor({ left: plot.valToPos(x, "x"), top: plot.over.clientHeight / 2 }));
  }

  /** Zoom about what is read, or the middle. */
  zoom(factor) {
    const { plot } = this.panel;
    const isLog = plot.scales.x.distr === 3;
    const [to, from] = isLog ? [Math.log, Math.exp] : [(x) => x, (x) => x];
    const [first, last] = [to(plot.data[0][0]), to(plot.data[0].at(-1))];
    const [min, max] = [to(plot.scales.x.min), to(plot.scales.x.max)];
    const width = Math.min((max - min) * factor, last - first);
    const about = plot.cursor.left >= 0 && plot.cursor.idx >= 0 ? to(plot.data[0][plot.cursor.idx]) : (min + max) / 2;
    const begin = Math.min(Math.max(about - (width * (about - min)) / (max - min), first), last - width);
    plot.setScale("x", { min: from(begin), max: from(begin + width) });
  }

  all() {
    const { plot } = this.panel;
    plot.setScale("x", { min: plot.data[0][0], max: plot.data[0].at(-1) });
    plot.setCursor(AWAY);
  }
}
