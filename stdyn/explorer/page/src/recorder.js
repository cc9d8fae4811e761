// What is drawn on a canvas, once more as elements of SVG: lines and letters stay lines and letters, and are sharp at
// every size. A picture of points stays one.

import { svg } from "./dom.js";

const MOST = 20_000; // elements; of more, a scan of very many points, the canvas is kept as it is
const ANCHORS = { left: "start", start: "start", center: "middle", right: "end", end: "end" };
const BASELINES = { middle: "central", top: "hanging", hanging: "hanging", bottom: "text-after-edge" };

/** The elements of what `paint()` draws on a canvas in two dimensions; none if nothing is on it. */
export function recorded(canvas, paint) {
  const ctx = canvas.getContext("2d"); // the only one of this canvas, which a view may have kept
  const recorder = new Recorder(ctx);
  const heard = Object.getOwnPropertyNames(Recorder.prototype).filter((name) => typeof ctx[name] === "function");
  for (const name of heard) {
    const draw = ctx[name];
    ctx[name] = (...given) => {
      recorder[name](...given);
      return draw.apply(ctx, given);
    };
  }
  try {
    paint();
  } finally {
    for (const name of heard) delete ctx[name];
  }
  const fits = recorder.parts.length > 0 && recorder.parts.length <= MOST;
  return fits || isBlank(canvas) ? recorder.parts : [whole(canvas)];
}

/** Whether nothing is drawn on a canvas. */
const isBlank = (canvas) => !new Uint32Array(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.buffer).some(Boolean);

/** A canvas as it is. */
const whole = (canvas) => image(canvas, { width: canvas.width, height: canvas.height });

/** An image of SVG with a canvas's picture in it, linked as older programs read it, too. */
function image(canvas, attributes) {
  const element = svg("image", attributes);
  element.setAttributeNS("http://www.w3.org/1999/xlink", "xlink:href", canvas.toDataURL());
  return element;
}

/** Has the methods of a context that draw; each keeps an element. */
class Recorder {
  constructor(ctx) {
    this.ctx = ctx;
    this.parts = [];
    this.path = [];
    this.clips = [null]; // what is clipped now, and before what was saved
    this.count = 0; // of clips
  }

  save() {
    this.clips.push(this.clips.at(-1));
  }

  restore() {
    if (this.clips.length > 1) this.clips.pop();
  }

  clip() {
    const id = `clip${++this.count}`;
    this.parts.push(svg("clipPath", { id }, this.moved(svg("path", { d: this.path.join("") }))));
    this.clips[this.clips.length - 1] = id;
  }

  put(tag, attributes, ...content) {
    this.keep(svg(tag, attributes, ...content));
  }

  /** Keep an element, where and as opaque as things are drawn now. */
  keep(element) {
    if (this.ctx.globalAlpha !== 1) element.setAttribute("opacity", this.ctx.globalAlpha);
    const clip = this.clips.at(-1);
    this.parts.push(clip ? svg("g", { "clip-path": `url(#${clip})` }, this.moved(element)) : this.moved(element));
  }

  /** An element where things are drawn now. */
  moved(element) {
    const { a, b, c, d, e, f } = this.ctx.getTransform();
    const by = [a, b, c, d, e, f].map(short).join(" ");
    if (by !== "1 0 0 1 0 0") element.setAttribute("transform", `matrix(${by})`);
    return element;
  }

  filled() {
    return { fill: this.ctx.fillStyle };
  }

  stroked() {
    const dash = this.ctx.getLineDash();
    return { fill: "none", stroke: this.ctx.strokeStyle, "stroke-width": this.ctx.lineWidth, ...(dash.length ? { "stroke-dasharray": dash.join(" ") } : {}) };
  }

  clearRect(x, y, width, height) {
    if (x <= 0 && y <= 0 && width >= this.ctx.canvas.width && height >= this.ctx.canvas.height) this.parts = [];
  }

  fillRect(x, y, width, height) {
    this.put("rect", { ...placed(x, y, width, height), ...this.filled() });
  }

  strokeRect(x, y, width, height) {
    this.put("rect", { ...placed(x, y, width, height), ...this.stroked() });
  }

  letters(words, x, y, look) {
    const [, size, family] = this.ctx.font.match(/([\d.]+)px\s+(.*)$/);
    const weight = /\b(bold|[6-9]00)\b/.test(this.ctx.font) ? { "font-weight": "bold" } : {};
    const baseline = BASELINES[this.ctx.textBaseline];
    this.put("text", { x: short(x), y: short(y), "font-size": size, "font-family": family, "text-anchor": ANCHORS[this.ctx.textAlign], ...weight, ...(baseline ? { "dominant-baseline": baseline } : {}), ...look }, String(words));
  }

  fillText(words, x, y) {
    this.letters(words, x, y, this.filled());
  }

  strokeText(words, x, y) {
    this.letters(words, x, y, this.stroked());
  }

  beginPath() {
    this.path = [];
  }

  moveTo(x, y) {
    this.path.push(`M${short(x)} ${short(y)}`);
  }

  lineTo(x, y) {
    this.path.push(`${this.path.length ? "L" : "M"}${short(x)} ${short(y)}`);
  }

  rect(x, y, width, height) {
    this.path.push(`M${short(x)} ${short(y)}h${short(width)}v${short(height)}h${short(-width)}z`);
  }

  arc(x, y, radius, begin, end) {
    const at = (angle) => `${short(x + radius * Math.cos(angle))} ${short(y + radius * Math.sin(angle))}`;
    const r = `${short(radius)} ${short(radius)}`;
    const width = Math.min(Math.abs(end - begin), 2 * Math.PI) * Math.sign(end - begin);
    const sweep = width > 0 ? 1 : 0;
    this.path.push(`${this.path.length ? "L" : "M"}${at(begin)}A${r} 0 0 ${sweep} ${at(begin + width / 2)}A${r} 0 0 ${sweep} ${at(begin + width)}`);
  }

  closePath() {
    this.path.push("z");
  }

  fill() {
    this.put("path", { d: this.path.join(""), ...this.filled() });
  }

  stroke() {
    this.put("path", { d: this.path.join(""), ...this.stroked() });
  }

  drawImage(source, ...where) {
    const { width, height } = source;
    const [from, to] = where.length === 8 ? [where.slice(0, 4), where.slice(4)] : [[0, 0, width, height], where];
    this.picture((ctx) => ctx.drawImage(source, ...from, 0, 0, from[2], from[3]), [from[2], from[3]], to);
  }

  putImageData(points, x, y) {
    this.picture((ctx) => ctx.putImageData(points, 0, 0), [points.width, points.height], [x, y]);
  }

  picture(draw, [width, height], [x, y, wide = width, high = height]) {
    const small = Object.assign(document.createElement("canvas"), { width, height });
    draw(small.getContext("2d"));
    const smooth = this.ctx.imageSmoothingEnabled ? {} : { style: "image-rendering: pixelated" };
    this.keep(image(small, { ...placed(x, y, wide, high), preserveAspectRatio: "none", ...smooth }));
  }
}

const short = (x) => +x.toFixed(3);

const placed = (x, y, width, height) => ({ x: short(x), y: short(y), width: short(width), height: short(height) });
