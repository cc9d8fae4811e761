// What the views of one moment share: which rule, and a slider over α. All of them look at the same one.

import { nearest, range } from "../arrays.js";
import { RULES } from "../colours.js";
import { make, offer } from "../dom.js";
import { text } from "../numbers.js";

const END = "end"; // the moment is the last α, whichever that is

/** The select of a rule, kept in the address: `fill()` offers the rules that are drawn, `changed()` is called when it is moved. */
function ruleSelect(page, name, changed) {
  const select = make("select", { name: `${name}-rule`, "aria-label": "rule", onchange: () => { page.see("view.rule", select.value); changed(); } });
  return {
    select,
    fill() {
      const rules = Object.keys(page.explorer.curves);
      offer(select, rules, (each) => RULES[each].name, page.seen("view.rule"));
    },
  };
}

/** A rule's select and a slider over its alphas; `changed(there)` is called when either is moved, with null if there is no α. */
export function moment(page, name, changed) {
  const rule = ruleSelect(page, name, draw);
  const slider = make("input", {
    type: "range", name: `${name}-alpha`, min: 0, max: 0, value: 0, step: 1, "aria-label": "α",
    oninput: () => refresh(now(+slider.value)),
    onchange: () => {
      const there = now(+slider.value);
      if (there) page.see("view.alpha", there.row === there.last ? null : there.alpha);
    },
  });
  const said = make("output", {}, "");
  const element = make("div", { class: "moment" }, rule.select, make("label", {}, "α ", slider), said);

  /** The arrays of the rule that is chosen, a row, and its α. */
  function now(at) {
    const of = page.explorer.curves[rule.select.value];
    const last = of ? of.alphas.shape[0] - 1 : -1;
    if (last < 0) return null;
    const row = Math.min(at, last);
    return { of, rule: rule.select.value, row, last, alpha: of.alphas.values[row] };
  }
  /** The row of the α that is looked at; it may be that of curves which end before it. */
  function wanted() {
    const alpha = page.seen("view.alpha") ?? END;
    const alphas = page.explorer.curves[rule.select.value]?.alphas.values ?? [];
    return typeof alpha === "number" ? nearest(alphas, alpha) : alphas.length - 1;
  }
  function refresh(there) {
    said.textContent = there ? text(there.alpha) : "";
    slider.setAttribute("aria-valuetext", said.textContent);
    changed(there);
  }
  function draw() {
    rule.fill();
    const row = wanted();
    slider.max = now(row)?.last ?? 0;
    slider.value = row;
    refresh(now(row));
  }
  return { element, draw };
}

/** The name of a teacher unit, with the tasks that it is of if it is not of all. */
export function teacher(of, n) {
  if (!of.v_teacher) return `teacher ${n + 1}`;
  const [tasks, M, O] = of.v_teacher.shape;
  const its = range(tasks).filter((task) => of.v_teacher.values.subarray((task * M + n) * O, (task * M + n + 1) * O).some((each) => each !== 0));
  return `teacher ${n + 1}${its.length && its.length < tasks ? `, task ${its.map((task) => task + 1).join(", ")}` : ""}`;
}
