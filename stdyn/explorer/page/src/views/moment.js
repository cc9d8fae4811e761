// What the views of one moment share: which rule, and a slider over α.

import { RULES } from "../colours.js";
import { make } from "../dom.js";
import { text } from "../numbers.js";

/** A rule's select and a slider over its alphas; `changed()` is called when either is moved. */
export function moment(page, name, changed) {
  const rule = make("select", { name: `${name}-rule`, "aria-label": "rule", onchange: () => { page.see(`view.${name}.rule`, rule.value); refresh(); } });
  const slider = make("input", { type: "range", name: `${name}-alpha`, min: 0, max: 1000, value: 1000, step: 1, "aria-label": "α", oninput: () => refresh(), onchange: () => page.see(`view.${name}.alpha`, +slider.value) });
  const said = make("output", {}, "");
  const element = make("div", { class: "moment" }, rule, make("label", {}, "α ", slider), said);

  let begun = false;

  /** The arrays of the rule that is chosen, and the row of its α. */
  function now() {
    const of = page.explorer.curves[rule.value];
    if (!of || !of.alphas.shape[0]) return null;
    const last = of.alphas.shape[0] - 1;
    return { of, row: Math.round((slider.value / 1000) * last), last };
  }
  function refresh() {
    const there = now();
    said.textContent = there ? text(there.of.alphas.values[there.row]) : "";
    slider.setAttribute("aria-valuetext", said.textContent);
    changed(there);
  }
  return {
    element,
    draw() {
      const rules = Object.keys(page.explorer.curves);
      const before = rule.value || page.seen(`view.${name}.rule`);
      if (rules.join() !== [...rule.options].map((each) => each.value).join()) rule.replaceChildren(...rules.map((each) => make("option", { value: each }, RULES[each].name)));
      rule.value = rules.includes(before) ? before : rules[0];
      if (!begun) slider.value = page.seen(`view.${name}.alpha`) ?? 1000;
      begun = true;
      refresh();
    },
  };
}

/** The entries of an array (A, …) in one row. */
export function row({ values, shape }, at) {
  const width = shape.slice(1).reduce((a, b) => a * b, 1);
  return values.subarray(at * width, (at + 1) * width);
}

const SPACE = "http://www.w3.org/2000/svg";

/** An element of SVG. */
export function draw(tag, attributes, ...content) {
  const element = document.createElementNS(SPACE, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...content);
  return element;
}
