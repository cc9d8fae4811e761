// All entries of an order parameter, a panel for each rule: R, Q, v.

import { RULES } from "../colours.js";
import { Panel, ofEntries } from "../curves.js";
import { make } from "../dom.js";

/** A view: its `title`, its `element`, and `draw()`, called when it is chosen and whenever curves have come. */
export function entries(name) {
  return (page) => {
    const element = make("div", { class: "panels" });
    const panels = {};
    function draw() {
      const rules = Object.keys(page.explorer.curves);
      for (const rule of rules) panels[rule] ??= new Panel(`${name} of ${RULES[rule].name}`);
      const wanted = rules.map((rule) => panels[rule].element);
      if (wanted.length !== element.children.length || wanted.some((each, j) => element.children[j] !== each)) element.replaceChildren(...wanted);
      for (const rule of rules) panels[rule].draw(ofEntries(page.explorer.curves[rule], name), page.logarithmic());
    }
    return { name, title: name, element, draw };
  };
}
