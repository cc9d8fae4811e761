// A saved scan as a map: a point is a cell or a dot; a click draws its trajectory.

import { make } from "../dom.js";
import { REFUSALS } from "../link.js";
import { text } from "../numbers.js";
import { scattered, table } from "./cells.js";
import { LOGARITHMIC, Chart, arrow, called, endless, legend, shades } from "./plot.js";

const POINT = "point"; // the number of a point, as if it were a coordinate
const FEW = 50; // values of a coordinate among which one may choose
const NEAR = 30; // pixels from a dot that a click may be

export function scan(page) {
  const { explorer, link } = page;
  const [seen, see] = [(name) => page.seen(`view.scan.${name}`), (name, each) => page.see(`view.scan.${name}`, each)];
  const select = (name, said) => make("select", { name: `scan-${name}`, "aria-label": said, onchange: (event) => { see(name, event.target.value); sort(); } });
  const [across, up, shown] = [select("x", "x axis"), select("y", "y axis"), select("value", "what the colour shows")];
  const filters = make("div", { class: "filters" });
  const canvas = make("canvas", { class: "map", tabindex: 0, role: "img", "aria-label": "points of the scan; arrow keys move to the next point, Enter draws its trajectory, Escape takes it away" });
  const [scale, at, said] = [make("p", { class: "said" }), make("p", { class: "said at", "aria-live": "polite" }), make("p", { class: "said progress" })];
  const label = (words, element) => make("label", {}, words, " ", element);
  const choices = make("div", { class: "choices" }, label("x", across), label("y", up), label("colour", shown), filters, scale, at, said);
  const element = make("div", { class: "mapped" }, choices, canvas);
  const chart = new Chart(canvas, () => paint());
  let of = null; // what the scan is, and its arrays
  let arrays = null;
  let drawn = null; // what is drawn of them: cells or dots
  let [chosen, followed] = [-1, -1]; // the point that is marked, and that which the address said last
  let symbols = {}; // of parameters
  const named = (name) => symbols[name] ?? called(name);

  link.on("hello", (header) => {
    of = header.scan ?? null;
    if (!of) return;
    symbols = Object.fromEntries((header.controls ?? []).map((each) => [each.name, each.symbol]));
    const places = [...of.coordinates, POINT, ...of.values];
    fill(across, places, places[0]);
    fill(up, places, of.coordinates[1] ?? "eps_g_final");
    fill(shown, of.values, "eps_g_final");
    link.ask("scan");
  });
  link.on("scan", (_, content) => {
    arrays = content;
    arrays[`coordinate:${POINT}`] = { values: Float64Array.from({ length: of.points }, (_, n) => n), shape: [of.points] };
    explorer.scan = content;
    filters.replaceChildren(...Object.entries(of.words).map(([name, words]) => filter(name, words.map((word, n) => [n, word]), 0)), ...of.coordinates.map(ofNumbers).filter(Boolean));
    follow();
  });
  link.on("point", (header) => { said.textContent = header.words; });
  link.on(REFUSALS, (answer) => { if (answer.of === "scan" || answer.of === "point") said.textContent = answer.words; });

  function fill(box, names, usual) {
    box.replaceChildren(...names.map((name) => make("option", { value: name }, named(name))));
    box.dataset.usual = usual;
  }

  /** A select by which only the points of one value are drawn; by a word one is, of numbers all may be. */
  function filter(name, options, usual) {
    const box = make("select", { name: `scan-only-${name}`, "data-of": name, "data-usual": usual, "aria-label": `only of this ${named(name)}`, onchange: () => { see(`only.${name}`, box.value); sort(); } }, ...options.map(([value, words]) => make("option", { value }, words)));
    return label(named(name), box);
  }
  function ofNumbers(name) {
    const all = [...new Set(values(name))].sort((a, b) => a - b);
    return all.length > 1 && all.length <= FEW ? filter(name, [["", "all"], ...all.map((each) => [each, text(each)])], "") : null;
  }

  const values = (name) => (arrays[`coordinate:${name}`] ?? arrays[`value:${name}`]).values;
  const isLogarithmic = (name) => of.log.includes(name) || LOGARITHMIC.includes(name.replace(/_\d+$/, ""));

  /** Take what the address says; what it does not know is as if it were not said. */
  function follow() {
    const take = (box, said) => { box.value = [...box.options].some(({ value }) => value === String(said)) ? String(said) : box.dataset.usual; };
    for (const [box, name] of [[across, "x"], [up, "y"], [shown, "value"]]) take(box, seen(name));
    for (const box of filters.querySelectorAll("select")) take(box, seen(`only.${box.dataset.of}`));
    const there = Number.isInteger(seen("point")) && seen("point") >= 0 && seen("point") < of.points ? seen("point") : -1;
    if (there !== followed) { // else it may have been moved since
      followed = chosen = there;
      if (there >= 0) link.ask("point", { index: there, alone: true });
      else page.point(null);
    }
    sort();
  }

  /** Find what is to be drawn. */
  function sort() {
    if (!arrays) return paint();
    const only = [...filters.querySelectorAll("select")];
    for (const each of only) each.parentNode.hidden = [across.value, up.value].includes(each.dataset.of);
    const by = only.filter((each) => each.value !== "" && !each.parentNode.hidden).map((each) => [values(each.dataset.of), +each.value]);
    const [x, y, z] = [values(across.value), values(up.value), values(shown.value)];
    const kept = [];
    for (let n = 0; n < x.length; n++) if (!by.length || by.every(([all, wanted]) => all[n] === wanted)) kept.push(n);
    const axes = [[x, isLogarithmic(across.value)], [y, isLogarithmic(up.value)]];
    drawn = { kept: kept.length, ...(table(kept, axes, z) ?? scattered(kept, axes, z)) };
    drawn.shade = shades(drawn.values, isLogarithmic(shown.value));
    paint();
  }

  function paint() {
    if (!element.isConnected) return;
    chart.clear();
    if (!of) {
      said.textContent = "No scan is open: stdyn explore SCAN.h5";
      return;
    }
    if (!drawn) return;
    const { ctx, frame } = chart;
    if (drawn.cells) chart.hatch();
    const boxes = drawn.boxes(frame);
    drawn.values.forEach((value, n) => {
      const style = drawn.shade.style(value);
      if (!style && drawn.cells) return;
      const [left, top, width, height] = boxes(n);
      ctx.fillStyle = style ?? "#999";
      ctx.fillRect(left, top, width, height);
      if (drawn.cells || value !== Infinity) return;
      ctx.strokeStyle = "#000";
      ctx.lineWidth = 1;
      ctx.strokeRect(left, top, width, height);
    });
    const here = drawn.find(chosen);
    for (const [colour, width] of here < 0 ? [] : [["#000", 3], ["#fff", 1]]) {
      [ctx.strokeStyle, ctx.lineWidth] = [colour, width];
      ctx.strokeRect(...boxes(here));
    }
    chart.axes(drawn.x, drawn.y, named(across.value), named(up.value));
    legend(scale, drawn.shade, endless(shown.value));
    words(here);
    explorer.drawnScan = { kept: drawn.kept, values: drawn.values, chosen, boxes: drawn.values.length > 1000 ? null : [...drawn.values.keys()].map(boxes), log: [drawn.x.log, drawn.y.log] };
  }

  /** What is drawn, and what the chosen point is. */
  function words(here) {
    const unfinished = of.of - of.done - of.failed;
    const rest = [[of.failed, "failed"], [unfinished, "not done"], [of.of - of.points, "not shown"]].filter(([count]) => count).map(([count, why]) => `${count} ${why}`);
    const most = drawn.most > 1 ? `, up to ${drawn.most} in a cell: the median is drawn` : "";
    said.title = `${of.name}: ${[`${drawn.kept} of ${of.of} points`, ...rest].join(", ")}${most}.`;
    if (chosen < 0) said.textContent = `${said.title} Click, or arrow keys and Enter: that trajectory.`;
    if (chosen < 0 || here < 0) { at.textContent = ""; return; }
    const inside = drawn.points(here);
    const where = [across.value, up.value].map((name) => `${named(name)} = ${text(values(name)[chosen])}`).join(", ");
    const among = inside.length > 1 ? ` (${inside.indexOf(chosen) + 1} of ${inside.length} in this cell; click again for the next)` : "";
    at.textContent = `point ${chosen}: ${where}, ${named(shown.value)} = ${text(values(shown.value)[chosen])}${among}`;
  }

  function choose(n) {
    chosen = followed = n;
    see("point", n);
    link.ask("point", { index: n });
    paint();
  }
  function forget() {
    chosen = followed = -1;
    see("point", null);
    page.point(null);
    paint();
  }

  /** Which of what is drawn is at a place of the canvas; -1 if nothing is near. */
  function nearest([px, py]) {
    const boxes = drawn.boxes(chart.frame);
    let [best, least] = [-1, drawn.cells ? 0 : NEAR];
    for (let n = 0; n < drawn.values.length; n++) {
      const [left, top, width, height] = boxes(n);
      const d = Math.hypot(Math.max(left - px, 0, px - left - width), Math.max(top - py, 0, py - top - height));
      if (d <= least) [best, least] = [n, d];
    }
    return best;
  }
  canvas.addEventListener("click", (event) => {
    if (!drawn) return;
    const n = nearest(chart.where(event));
    if (n < 0) return forget();
    const inside = drawn.points(n);
    choose(inside[(inside.indexOf(chosen) + 1) % inside.length]); // of a cell that is clicked again the next one
  });
  canvas.addEventListener("keydown", (event) => {
    if (!drawn?.values.length) return;
    const step = arrow(event);
    if (!step && event.key !== "Enter" && event.key !== "Escape") return;
    event.preventDefault();
    if (event.key === "Escape") return forget();
    if (event.key === "Enter") return chosen >= 0 ? choose(chosen) : undefined;
    const here = drawn.find(chosen);
    [chosen] = drawn.points(here < 0 ? 0 : next(here, step));
    paint();
  });

  /** The next thing that is drawn in a direction: near it, and not far beside it. */
  function next(here, [across, up]) {
    const middle = (n) => [drawn.at(n)[0] * chart.frame.width, drawn.at(n)[1] * chart.frame.height];
    const from = middle(here);
    let [best, least] = [here, Infinity];
    for (let n = 0; n < drawn.values.length; n++) {
      const [dx, dy] = [middle(n)[0] - from[0], middle(n)[1] - from[1]];
      const along = dx * across + dy * up;
      const d = along + 4 * Math.abs(dx * up - dy * across);
      if (along > 0.5 && d < least) [best, least] = [n, d];
    }
    return best;
  }
  return { name: "scan", title: "scan", element, there: () => of !== null, draw: () => (arrays ? follow() : paint()), paint, caption: () => said.title };
}
