// Elements of the page.

/** An element with attributes and content: `onclick` and the like are listeners, `class` its class. */
export function make(tag, attributes = {}, ...content) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...content.filter((each) => each !== null && each !== undefined));
  return element;
}

/** Have a select offer these values, and choose one of them: the first, if it is not there. */
export function offer(select, values, called, chosen) {
  if (values.join() !== [...select.options].map(({ value }) => value).join()) select.replaceChildren(...values.map((each) => make("option", { value: each }, called(each))));
  select.value = values.includes(chosen) ? chosen : (values[0] ?? "");
}

let count = 0;

/** An id that no other element has. */
export const fresh = (name) => `stdyn-${name}-${++count}`;

/** A symbol as it is set: "η_v" with its index below the line. */
export function symbol(words) {
  const set = make("span", { class: "symbol" });
  for (const [, before, index] of words.matchAll(/([^_]*)(?:_([\p{L}\p{N}]+))?/gu)) set.append(before, index ? make("sub", {}, index) : "");
  return set;
}

/** Say in --unit how large a pixel of the page is in a picture, so that its words are as large as those of the page. */
const measured = new ResizeObserver((all) => all.forEach(({ target }) => measure(target)));
const framed = new MutationObserver((all) => all.forEach(({ target }) => measure(target)));
function measure(svg) {
  const scale = svg.getScreenCTM()?.a;
  if (scale) svg.style.setProperty("--unit", String(1 / scale));
}

function legible(svg) {
  measured.observe(svg);
  framed.observe(svg, { attributeFilter: ["viewBox"] });
  return svg;
}

const SPACE = "http://www.w3.org/2000/svg";

/** An element of SVG; of a picture the words stay legible, whatever its size. */
export function svg(tag, attributes, ...content) {
  const element = document.createElementNS(SPACE, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...content);
  return tag === "svg" ? legible(element) : element;
}

/** A piece of a line, as it is drawn: beside its name in a legend. */
export function sample(colour, dash) {
  const piece = make("span", { class: "sample", "aria-hidden": "true" });
  piece.innerHTML = `<svg width="26" height="8"><line x1="0" y1="4" x2="26" y2="4" stroke="${colour}" stroke-width="2" stroke-dasharray="${dash.join(" ")}"/></svg>`;
  return piece;
}
