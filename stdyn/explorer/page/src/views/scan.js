// A saved scan as a map: a point is a cell or a dot; a click draws its trajectory.

import { make } from "../dom.js";
import { text } from "../numbers.js";
import { axes, colour, legend } from "./plot.js";

const LOGARITHMIC = ["eps_g_start", "eps_g_final", "plateau_height", "plateau_start", "plateau_end", "plateau_length", "diverged_at", "failed_at"];
const FRAME = { left: 72, top: 10, width: 560, height: 420 };

export function scan(page) {
  const { explorer, link } = page;
  const select = (name, said) => make("select", { name: `scan-${name}`, "aria-label": said, onchange: () => paint() });
  const [across, up, shown] = [select("x", "x axis"), select("y", "y axis"), select("value", "what the colour shows")];
  const filters = make("div", { class: "choices" });
  const canvas = make("canvas", { class: "map", tabindex: 0, role: "img", width: 650, height: 490, "aria-label": "points of the scan; arrow keys move to the next point, Enter draws its trajectory" });
  const scale = make("p", { class: "said" });
  const said = make("p", { class: "said", "aria-live": "polite" });
  const label = (words, element) => make("label", {}, words, " ", element);
  const element = make("div", { class: "mapped" }, make("div", { class: "choices" }, label("x", across), label("y", up), label("colour", shown), filters, scale), canvas, said);
  let of = null;
  let arrays = null;
  let places = [];
  let chosen = -1;

  link.on("hello", (header) => {
    of = header.scan;
    if (!of) return;
    const fill = (target, names) => target.replaceChildren(...names.map((name) => make("option", { value: name }, name)));
    fill(across, of.coordinates);
    fill(up, [...of.coordinates.slice(1), ...of.coordinates.slice(0, 1), ...of.values]);
    fill(shown, of.values);
    shown.value = "eps_g_final";
    filters.replaceChildren(...Object.entries(of.words).map(([name, words]) => label(name, make("select", { name: `scan-only-${name}`, "data-of": name, onchange: () => paint() }, ...words.map((each, j) => make("option", { value: j }, each))))));
    link.ask("scan");
  });
  link.on("scan", (_, content) => {
    arrays = content;
    explorer.scan = content;
    if (element.parentNode) paint();
  });
  link.on("point", (header) => { said.textContent = header.words; });

  const values = (name) => (arrays[`coordinate:${name}`] ?? arrays[`value:${name}`]).values;

  function paint() {
    if (!of) {
      said.textContent = "No scan is open: stdyn explore SCAN.h5";
      return;
    }
    if (!arrays) return;
    const ctx = canvas.getContext("2d");
    ctx.clearRect(0, 0, canvas.width, canvas.height);
    const [x, y, z] = [values(across.value), values(up.value), values(shown.value)];
    const only = [...filters.querySelectorAll("select")].map((each) => [arrays[`coordinate:${each.dataset.of}`].values, +each.value]);
    const kept = [...x.keys()].filter((n) => only.every(([all, wanted]) => all[n] === wanted) && Number.isFinite(x[n]) && Number.isFinite(y[n]));
    const log = LOGARITHMIC.includes(shown.value);
    const size = (v) => (log ? (v > 0 ? Math.log10(v) : NaN) : v);
    const spread = (all, wanted) => {
      const [low, high] = all.reduce(([a, b], each) => [Math.min(a, each), Math.max(b, each)], [Infinity, -Infinity]);
      const ratio = low > 0 && high / low >= 30 && wanted;
      return { low, high: high > low ? high : low + 1, log: ratio };
    };
    const [ax, ay] = [spread(kept.map((n) => x[n]), true), spread(kept.map((n) => y[n]), true)];
    const part = ({ low, high, log: isLog }, v) => (isLog ? Math.log(v / low) / Math.log(high / low) : (v - low) / (high - low));
    const finite = kept.map((n) => size(z[n])).filter(Number.isFinite);
    const [low, high] = finite.reduce(([a, b], each) => [Math.min(a, each), Math.max(b, each)], [Infinity, -Infinity]);
    const [columns, rows] = [new Set(kept.map((n) => x[n])).size, new Set(kept.map((n) => y[n])).size];
    const isGrid = columns * rows <= 1.5 * kept.length && columns > 1 && rows > 1;
    const margin = isGrid ? [0.5 / columns, 0.5 / rows] : [0.02, 0.02];
    const cell = isGrid ? [FRAME.width / columns, FRAME.height / rows] : [9, 9];
    places = kept.map((n) => [n, FRAME.left + (margin[0] + part(ax, x[n]) * (1 - 2 * margin[0])) * FRAME.width, FRAME.top + (1 - margin[1] - part(ay, y[n]) * (1 - 2 * margin[1])) * FRAME.height]);
    for (const [n, px, py] of places) {
      const v = size(z[n]);
      ctx.fillStyle = z[n] === Infinity ? "rgb(254,232,56)" : Number.isFinite(v) ? `rgb(${colour((v - low) / (high - low || 1))})` : "#999";
      if (isGrid) ctx.fillRect(px - cell[0] / 2, py - cell[1] / 2, cell[0] + 0.5, cell[1] + 0.5);
      else {
        ctx.beginPath();
        ctx.arc(px, py, 4.5, 0, 7);
        ctx.fill();
      }
      if (n === chosen) {
        ctx.strokeStyle = "#000";
        ctx.lineWidth = 3;
        ctx.strokeRect(px - cell[0] / 2, py - cell[1] / 2, cell[0], cell[1]);
        ctx.strokeStyle = "#fff";
        ctx.lineWidth = 1;
        ctx.strokeRect(px - cell[0] / 2, py - cell[1] / 2, cell[0], cell[1]);
      }
    }
    axes(ctx, FRAME, ax, ay, across.value, up.value, getComputedStyle(canvas).color, margin);
    legend(scale, log ? 10 ** low : low, log ? 10 ** high : high, log);
    said.textContent = `${of.name}: ${kept.length} of ${of.of} points${chosen >= 0 ? `; chosen: ${chosen}, ${shown.value} = ${text(z[chosen])}` : ""}`;
    explorer.places = places;
  }

  function choose(n) {
    chosen = n;
    link.ask("point", { index: n });
    paint();
  }
  canvas.addEventListener("click", (event) => {
    const box = canvas.getBoundingClientRect();
    const [px, py] = [((event.clientX - box.left) / box.width) * canvas.width, ((event.clientY - box.top) / box.height) * canvas.height];
    const nearest = places.reduce((best, [n, x, y]) => { const d = Math.hypot(x - px, y - py); return d < best[1] ? [n, d] : best; }, [-1, 40]);
    if (nearest[0] >= 0) choose(nearest[0]);
  });
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.key === "Enter" && chosen >= 0) { event.preventDefault(); choose(chosen); }
    if (!step || !places.length) return;
    event.preventDefault();
    const from = places.find(([n]) => n === chosen) ?? places[0];
    const next = places.reduce((best, each) => {
      const [dx, dy] = [each[1] - from[1], each[2] - from[2]];
      const along = dx * step[0] + dy * step[1];
      const d = along > 0.5 ? along + 4 * Math.abs(dx * step[1] + dy * step[0]) : Infinity;
      return d < best[1] ? [each[0], d] : best;
    }, [chosen < 0 ? from[0] : chosen, Infinity]);
    [chosen] = next;
    paint();
  });
  return { name: "scan", title: "scan", element, draw: paint };
}
