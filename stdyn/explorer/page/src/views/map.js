// A map of the plane of two parameters: computed in the background, finer and finer; a click shows that trajectory.

import { make } from "../dom.js";
import { axes, colour, legend, onto, partOf } from "./plot.js";

const VALUES = { eps_g_final: "ε_g at the end", plateau_end: "escape at α", plateau_length: "length of the plateau", alignment_final: "cos ∠(v, b) at the end", specialised: "specialised units" };
const LOGARITHMIC = ["eps_g_final", "plateau_end", "plateau_length"];
const SYMBOLS = { eta: "η", b_angle: "∠(b, v₀) in degrees", "b[0]": "b₁", "b[1]": "b₂", "b[0,0]": "b₁₁", "b[1,0]": "b₂₁" };

/** The map of a kind: "eta_angle" or "b_b". */
export function map(kind, title) {
  return (page) => {
    const { explorer, link } = page;
    const value = make("select", { name: `map-${kind}-value`, "aria-label": "what the map shows", onchange: () => ask(true) }, ...Object.entries(VALUES).map(([name, said]) => make("option", { value: name }, said)));
    const rule = make("select", { name: `map-${kind}-rule`, "aria-label": "rule of the map", onchange: () => ask(true) });
    const canvas = make("canvas", { class: "map", tabindex: 0, role: "img", "aria-label": `map of ${title}; arrow keys move the cross, Enter shows its trajectory`, width: 650, height: 490 });
    const said = make("p", { class: "said", "aria-live": "polite" });
    const scale = make("p", { class: "said" });
    const element = make("div", { class: "mapped" }, make("div", { class: "choices" }, rule, value, scale), canvas, said);
    let header = null;
    let grid = null; // values, and of which stride each is
    let strides = null;
    let asked = "";
    let cross = null;
    const kept = { point: false }; // whether what comes next is a point of this map

    function ask(anew) {
      const rules = (explorer.header?.state.rules ?? ["fa", "bp"]).filter((each) => each !== "bp");
      const before = rule.value;
      rule.replaceChildren(...rules.map((each) => make("option", { value: each }, each.toUpperCase())));
      rule.value = rules.includes(before) ? before : (rules[0] ?? "");
      const state = { ...explorer.header.state };
      for (const name of kind === "b_b" ? [] : ["eta", "b_angle"]) delete state[name];
      const wanted = JSON.stringify([state, rule.value, value.value]);
      const same = (wanted === asked || kept.point) && !anew;
      [asked, kept.point] = [wanted, false];
      if (same) return paint();
      [header, grid] = [null, null];
      paint();
      if (!rules.length) { said.textContent = "A map needs a rule with feedback weights: FA, KP or mixed."; return; }
      said.textContent = "The worker starts …";
      link.ask("map", { state: explorer.header.state, map: kind, rule: rule.value, value: value.value });
    }

    link.on("map", (message, arrays) => {
      if (!link.isNewest(message) || element.parentNode === null) return;
      if (!header) {
        const size = message.shape[0] * message.shape[1];
        grid = new Float64Array(size).fill(NaN);
        strides = new Uint8Array(size);
      }
      header = message;
      if (message.stride === 0) {
        said.textContent = "Click, or arrow keys and Enter: that trajectory.";
        explorer.map = { header, grid, done: true };
        return;
      }
      for (let n = 0; n < arrays.values.values.length; n++) {
        const at = arrays.places.values[2 * n] * message.shape[1] + arrays.places.values[2 * n + 1];
        grid[at] = arrays.values.values[n];
        strides[at] = message.stride;
      }
      said.textContent = `${strides.reduce((sum, each) => sum + (each > 0), 0)} of ${grid.length} points. Click, or arrow keys and Enter: that trajectory.`;
      explorer.map = { header, grid, done: false };
      paint();
    });

    /** The nearest point of the grids that is known. */
    function known(j, i) {
      const columns = header.shape[1];
      for (const stride of [1, 2, 4, 8]) {
        const at = Math.round(j / stride) * stride * columns + Math.round(i / stride) * stride;
        if (strides[at] > 0) return grid[at];
      }
      return undefined;
    }

    function paint() {
      const ctx = canvas.getContext("2d");
      ctx.clearRect(0, 0, canvas.width, canvas.height);
      if (!header) return;
      const [rows, columns] = header.shape;
      const log = LOGARITHMIC.includes(header.value);
      const size = (x) => (log ? (x > 0 ? Math.log10(x) : NaN) : x);
      const finite = [...grid].map(size).filter(Number.isFinite);
      const [low, high] = finite.length ? [Math.min(...finite), Math.max(...finite)] : [0, 1];
      const image = ctx.createImageData(columns, rows);
      for (let j = 0; j < rows; j++) for (let i = 0; i < columns; i++) {
        const x = known(j, i);
        const at = 4 * ((rows - 1 - j) * columns + i);
        const shade = x === undefined ? null : x === Infinity ? [254, 232, 56] : Number.isFinite(size(x)) ? colour((size(x) - low) / (high - low || 1)) : [150, 150, 150];
        if (shade) image.data.set([...shade, 255], at);
      }
      const small = new OffscreenCanvas(columns, rows);
      small.getContext("2d").putImageData(image, 0, 0);
      const frame = { left: 62, top: 8, width: canvas.width - 74, height: canvas.height - 54 };
      ctx.imageSmoothingEnabled = false;
      ctx.drawImage(small, frame.left, frame.top, frame.width, frame.height);
      axes(ctx, frame, header.x, header.y, SYMBOLS[header.x.name], SYMBOLS[header.y.name], getComputedStyle(canvas).color);
      legend(scale, log ? 10 ** low : low, log ? 10 ** high : high, log);
      const here = place();
      if (here) mark(ctx, frame, here, "○");
      if (cross) mark(ctx, frame, cross, "+");
    }

    function mark(ctx, frame, [x, y], sign) {
      ctx.save();
      ctx.font = "bold 26px system-ui, sans-serif";
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

    /** Where on the map the parameters are that are set now. */
    function place() {
      const state = explorer.state;
      const [x, y] = kind === "b_b" ? [state.b?.[0], state.b?.[1]].map((each) => (Array.isArray(each) ? each[0] : each)) : [state.eta ?? 0.5, state.b_angle];
      return typeof x === "number" && typeof y === "number" ? [partOf(header.x, x), partOf(header.y, y)] : null;
    }

    function choose([x, y]) {
      [cross, kept.point] = [[x, y], true];
      const [a, b] = [+onto(header.x, x).toPrecision(4), +onto(header.y, y).toPrecision(4)];
      if (kind !== "b_b") return page.set({ eta: a, b_angle: b });
      const weights = structuredClone(header.b);
      if (Array.isArray(weights[0])) [weights[0][0], weights[1][0]] = [a, b];
      else [weights[0], weights[1]] = [a, b];
      return page.set({ b: weights, b_angle: null });
    }

    canvas.addEventListener("click", (event) => {
      if (!header) return;
      const box = canvas.getBoundingClientRect();
      const x = (((event.clientX - box.left) / box.width) * canvas.width - 62) / (canvas.width - 74);
      const y = 1 - (((event.clientY - box.top) / box.height) * canvas.height - 8) / (canvas.height - 54);
      if (x >= 0 && x <= 1 && y >= 0 && y <= 1) choose([x, y]);
    });
    canvas.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
      if (!header || (!step && event.key !== "Enter")) return;
      event.preventDefault();
      cross ??= place() ?? [0.5, 0.5];
      if (step) cross = cross.map((each, j) => Math.min(1, Math.max(0, each + step[j] / 32)));
      else choose(cross);
      paint();
    });

    return { name: kind, title, element, draw: () => explorer.header.draft || ask(false), left: () => link.ask("stop", { slot: "map" }) };
  };
}
