// A map of the plane of two parameters: computed in the background, finer and finer; a click shows that trajectory.

import { row, sizeOf } from "../arrays.js";
import { RULES } from "../colours.js";
import { make, offer } from "../dom.js";
import { REFUSALS } from "../link.js";
import { text } from "../numbers.js";
import { LOGARITHMIC, Chart, arrow, called, endless, legend, onto, partOf, shades } from "./plot.js";

const SYMBOLS = { eta: "η", b_angle: "∠(b, v₀) in degrees", "b[0]": "b₁", "b[1]": "b₂", "b[0,0]": "b₁₁", "b[1,0]": "b₂₁" };
const DEGREES = [15, 30, 45, 90];
const KEYS_STEP = 1 / 32; // of an axis, for an arrow key

/** How long so many seconds are, in words. */
const lasting = (seconds) => (seconds < 90 ? `${Math.max(1, Math.round(seconds))} s` : seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`);

/** The map of a kind: "eta_angle" or "b_b". */
export function map(kind, title) {
  return (page) => {
    const { explorer, link } = page;
    const [seen, see] = [(name) => page.seen(`view.${kind}.${name}`), (name, each) => page.see(`view.${kind}.${name}`, each)];
    const quantity = make("select", { name: `map-${kind}-value`, "aria-label": "what the map shows", onchange: () => { see("value", quantity.value); paint(); } });
    const rule = make("select", { name: `map-${kind}-rule`, "aria-label": "rule of the map", onchange: () => { see("rule", rule.value); ask(); } });
    const canvas = make("canvas", { class: "map", tabindex: 0, role: "img", "aria-label": `map of ${title.replace("map of ", "")}; arrow keys move the cross, Enter shows its trajectory` });
    const [said, at, scale] = [make("p", { class: "said progress" }), make("p", { class: "said at", "aria-live": "polite" }), make("p", { class: "said" })];
    const element = make("div", { class: "mapped" }, make("div", { class: "choices" }, rule, quantity, scale, at, said), canvas);
    const chart = new Chart(canvas, () => paint());
    let quantities = []; // that a map has of every place
    let header = null; // of the map that is shown, and its numbers: [place][quantity], nothing where they are not known
    let numbers = null;
    let began = null; // since when, and from how many places on, it is computed
    let cross = null;
    let followed; // the cross that the address said last

    /** Take what the address says; what it does not know is as if it were not said. */
    function follow() {
      offer(quantity, quantities, called, seen("value"));
      const there = seen("cross");
      if (JSON.stringify(there) === followed) return; // the cross may have been moved since
      followed = JSON.stringify(there);
      cross = Array.isArray(there) && there.length === 2 && there.every((x) => typeof x === "number" && x >= 0 && x <= 1) ? there : null;
    }

    function ask() {
      const rules = explorer.header.state.rules ?? ["fa", "bp"];
      const able = Object.keys(RULES).filter((each) => each !== "bp" && rules.includes(each));
      offer(rule, able, (each) => RULES[each].name, seen("rule"));
      if (!able.length) return refuse("A map needs a rule with feedback weights: FA, KP or mixed.");
      began = null;
      if (!header) said.textContent = "The worker process starts …";
      link.ask("map", { state: explorer.header.state, map: kind, rule: rule.value, have: header && { key: header.key, count: header.done } });
    }

    function refuse(words) {
      [header, numbers, explorer.map] = [null, null, null];
      link.ask("stop", { slot: "map" });
      said.textContent = words;
      paint();
    }

    link.on("hello", (answer) => { quantities = answer.quantities; });
    link.on(REFUSALS, (answer) => { if (answer.of === "map" && link.isNewest(answer) && element.isConnected) refuse(answer.words); });

    link.on("map", (message, arrays) => {
      if (message.map !== kind || !link.isNewest(message)) return;
      if (message.shape) {
        if (message.key !== header?.key) numbers = new Array(sizeOf(message.shape));
        header = message;
        began = { time: performance.now(), done: message.done };
      } else if (message.key !== header?.key) return; // refused meanwhile
      else take(message, arrays);
      explorer.map = { header, numbers, done: header.done === header.all };
      progress(message.words);
      paint();
    });

    function take(message, { places, values }) {
      for (let n = 0; n < values.shape[0]; n++) {
        const [j, i] = row(places, n);
        numbers[j * header.shape[1] + i] = row(values, n);
      }
      header.done = message.done;
    }

    function progress(words) {
      const [done, left] = [header.done - began.done, header.all - header.done];
      const rate = done > 0 ? ` About ${lasting((left * (performance.now() - began.time)) / 1000 / done)} more.` : header.done ? "" : " The first are under way.";
      said.textContent = `${words ?? ""} ${left ? `${header.done} of ${header.all} points.${rate}` : ""} Click, or arrow keys and Enter: that trajectory.`.trim();
    }

    /** The numbers at the nearest place that is known. */
    function known(j, i) {
      const there = (stride) => numbers[Math.round(j / stride) * stride * header.shape[1] + Math.round(i / stride) * stride];
      return there(header.strides.findLast(there));
    }

    function paint() {
      chart.clear();
      if (!header) { scale.replaceChildren(); at.textContent = ""; return; }
      const [rows, columns] = header.shape;
      const number = quantities.indexOf(quantity.value);
      const shade = shades(numbers.map((each) => each[number]), LOGARITHMIC.includes(quantity.value));
      const image = new ImageData(columns, rows);
      for (let j = 0; j < rows; j++) for (let i = 0; i < columns; i++) {
        const found = known(j, i);
        const of = found && shade.of(found[number]);
        if (of) image.data.set([...of, 255], 4 * ((rows - 1 - j) * columns + i));
      }
      const small = new OffscreenCanvas(columns, rows);
      small.getContext("2d").putImageData(image, 0, 0);
      const { ctx, frame } = chart;
      if (header.done) chart.hatch();
      ctx.imageSmoothingEnabled = false;
      ctx.drawImage(small, frame.left, frame.top, frame.width, frame.height);
      chart.axes(header.x, { ...header.y, steps: kind === "b_b" ? undefined : DEGREES }, SYMBOLS[header.x.name], SYMBOLS[header.y.name]);
      legend(scale, shade, endless(quantity.value));
      const here = place();
      if (here && here.every((each) => each >= 0 && each <= 1)) chart.mark(here, "○");
      if (cross) chart.mark(cross, "+");
      at.textContent = cross ? reading(cross) : "";
    }

    /** Where on the map the parameters are that are set now. */
    function place() {
      const [x, y] = header.here;
      return typeof x === "number" && typeof y === "number" ? [partOf(header.x, x), partOf(header.y, y)] : null;
    }

    /** In words what is known at parts of the axes. */
    function reading([x, y]) {
      const found = known(Math.round(y * (header.shape[0] - 1)), Math.round(x * (header.shape[1] - 1)));
      const value = found ? text(found[quantities.indexOf(quantity.value)]) : "not yet";
      return `${SYMBOLS[header.x.name]} = ${text(onto(header.x, x))}, ${SYMBOLS[header.y.name].replace(" in degrees", "")} = ${text(onto(header.y, y))}: ${value}`;
    }

    /** Show the trajectory at parts of the axes. */
    function choose([x, y]) {
      cross = [x, y].map((each) => +each.toFixed(4));
      followed = JSON.stringify(cross);
      see("cross", cross);
      const [a, b] = [+onto(header.x, x).toPrecision(4), +onto(header.y, y).toPrecision(4)];
      if (kind !== "b_b") return page.set({ eta: a, b_angle: b });
      const weights = structuredClone(header.b);
      if (Array.isArray(weights[0])) [weights[0][0], weights[1][0]] = [a, b];
      else [weights[0], weights[1]] = [a, b];
      return page.set({ b: weights, b_angle: null });
    }

    canvas.addEventListener("click", (event) => {
      const parts = header && chart.parts(event);
      if (parts) choose(parts);
    });
    canvas.addEventListener("pointermove", (event) => {
      const parts = header && chart.parts(event);
      if (parts) canvas.title = reading(parts);
    });
    canvas.addEventListener("keydown", (event) => {
      const step = arrow(event);
      if (!header || (!step && event.key !== "Enter")) return;
      event.preventDefault();
      cross ??= place()?.map((each) => Math.min(1, Math.max(0, each))) ?? [0.5, 0.5];
      if (step) cross = cross.map((each, j) => Math.min(1, Math.max(0, each + step[j] * KEYS_STEP)));
      else choose(cross);
      paint();
    });

    return {
      name: kind,
      title,
      element,
      draw() {
        follow();
        if (!explorer.header.draft) ask();
      },
      paint,
      caption: (set) => (header.done < header.all ? `${set}; ${header.done} of ${header.all} points` : set),
      left: () => link.ask("stop", { slot: "map" }),
    };
  };
}
