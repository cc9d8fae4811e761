// A view as a picture that stands alone: an SVG with its colours, its title, what is said of it and its parameters in
// it; or the same as PNG.

import { text } from "./numbers.js";
import { recorded } from "./recorder.js";
import { svg } from "./dom.js";

const [MARGIN, LINE, LETTER] = [18, 17, 6.3]; // around the picture, of lines of words, of a letter of 12 px
const SCALE = 2; // of PNG
const FONT = "system-ui, sans-serif";
const LOOKS = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray", "stroke-linecap", "opacity", "font-size", "font-weight", "text-anchor", "dominant-baseline"];
const LONGEST = 48; // letters of a parameter's value

/** What of a view is a picture: its canvas or its SVG; null if there is none, as of curves, which the server draws. */
export const drawing = (view) => view.element.querySelector("canvas.map, svg[role='img']");

/** The picture of a view, as an element <svg>; null if nothing is drawn there. */
export function pictured(view, state, root) {
  const of = drawing(view);
  if (!of?.checkVisibility()) return null;
  const styles = new Map();
  const isCanvas = of instanceof HTMLCanvasElement;
  const inside = isCanvas ? recorded(of, view.paint ?? view.draw) : [...of.childNodes].map((each) => styled(each, styles));
  if (!inside.length) return null;
  const drawn = isCanvas ? { x: 0, y: 0, width: of.width, height: of.height } : of.viewBox.baseVal;
  const box = isCanvas ? { width: of.clientWidth, height: of.clientHeight } : drawn;
  const [width, ink] = [Math.max(box.width, 480), getComputedStyle(root).color];
  const lines = (words) => wrapped(words, Math.floor(width / LETTER));
  const set = parameters(state);
  const below = [...said(view.element), view.caption?.(set) ?? set].flatMap(lines);
  const scale = colours(view.element);
  const top = MARGIN + 2 * LINE;
  const parts = [letters([view.title, ...choices(view.element)].join(", "), MARGIN, MARGIN + 12, { "font-size": 15, "font-weight": "bold" })];
  parts.push(svg("svg", { x: MARGIN, y: top, width: box.width, height: box.height, viewBox: [drawn.x, drawn.y, drawn.width, drawn.height].join(" "), overflow: "visible" }, ...inside));
  let y = top + box.height + LINE;
  if (scale.length) {
    parts.push(svg("linearGradient", { id: "scale" }, ...scale.map((each, j) => svg("stop", { offset: j / (scale.length - 1), "stop-color": each }))));
    parts.push(svg("rect", { x: MARGIN, y, width: 220, height: 10, fill: "url(#scale)" }));
    y += 10;
  }
  below.forEach((line, j) => parts.push(letters(line, MARGIN, y + (j + 1) * LINE, { "font-size": 12 })));
  const [wide, high] = [width + 2 * MARGIN, y + below.length * LINE + MARGIN];
  const classes = [...styles].map(([look, name]) => `.${name}{${look}}`).join("");
  return svg(
    "svg", { width: wide, height: high, viewBox: `0 0 ${wide} ${high}`, "font-family": FONT, fill: ink },
    svg("title", {}, view.title), svg("style", {}, classes), svg("rect", { width: wide, height: high, fill: paper(root) }), ...parts,
  );
}

/** The picture as the content of a file, "svg" or "png". */
export async function asFile(picture, kind) {
  const source = new XMLSerializer().serializeToString(picture);
  if (kind === "svg") return new Blob([source], { type: "image/svg+xml" });
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(source)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = ["width", "height"].map((side) => SCALE * picture.getAttribute(side));
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => { canvas.toBlob(resolve, "image/png"); });
}

/** A copy of an element of the page, which has a class for its look in place of the page's classes. */
function styled(node, styles) {
  const copy = node.cloneNode(false);
  if (node.nodeType !== Node.ELEMENT_NODE) return copy;
  const computed = getComputedStyle(node);
  if (computed.display === "none") return svg("g", {});
  const look = LOOKS.map((name) => `${name}:${computed.getPropertyValue(name)}`).join(";");
  if (!styles.has(look)) styles.set(look, `look${styles.size}`);
  for (const name of ["class", "style", "tabindex"]) copy.removeAttribute(name);
  if (node.tagName !== "title") copy.setAttribute("class", styles.get(look));
  copy.append(...[...node.childNodes].map((each) => styled(each, styles)));
  return copy;
}

const letters = (words, x, y, look) => svg("text", { x, y, ...look }, words);

/** What is chosen in a view: a rule, an alpha, a quantity. */
function choices(element) {
  const shown = [...element.querySelectorAll("select, output")].filter((each) => each.checkVisibility());
  return shown.map((each) => (each.tagName !== "OUTPUT" ? named(each) : each.value && each.closest(".moment") ? `α = ${each.value}` : each.value)).filter(Boolean);
}

function named(select) {
  const before = select.closest("label")?.firstChild;
  const words = select.selectedOptions[0]?.textContent ?? "";
  return before?.nodeType === Node.TEXT_NODE && before.data.trim() ? `${before.data.trim()}: ${words}` : words;
}

/** What is said beside a view, but for how far it is. */
const said = (element) => [...element.querySelectorAll(".said:not(.progress)")].filter((each) => each.checkVisibility()).map((each) => each.textContent.trim()).filter(Boolean);

/** The colours of a view's scale, from low to high. */
function colours(element) {
  const bar = element.querySelector(".bar");
  return bar ? (getComputedStyle(bar).backgroundImage.match(/rgba?\([^)]*\)/g) ?? []) : [];
}

/** The parameters that are set, in a line; of a view's own rule, not of the runs. */
function parameters(state) {
  const value = (each) => (typeof each === "number" ? text(each, 6) : typeof each === "string" ? each : JSON.stringify(each).replaceAll('"', ""));
  const short = (words) => (words.length > LONGEST ? `${words.slice(0, LONGEST)}…` : words);
  return Object.entries(state).filter(([name]) => !["rules", "runs", "method"].includes(name)).map(([name, each]) => `${name} = ${short(value(each))}`).join(", ");
}

/** Words in lines of so many letters. */
function wrapped(words, longest) {
  const lines = [""];
  for (const word of words.split(" ")) {
    if (lines.at(-1) && lines.at(-1).length + word.length >= longest) lines.push(word);
    else lines.push([lines.pop(), word].filter(Boolean).join(" "));
  }
  return lines;
}

/** What lies behind the page: the first ground that is not transparent. */
function paper(root) {
  for (let behind = root; behind; behind = behind.parentElement) {
    const ground = getComputedStyle(behind).backgroundColor;
    if (!/^rgba\(.*, 0\)$/.test(ground)) return ground;
  }
  return "#fff";
}
