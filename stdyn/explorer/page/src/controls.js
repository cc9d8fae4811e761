// The controls: for every parameter of the table that the server sends, what it is moved and typed with.

import { fresh, make, symbol } from "./dom.js";
import { text } from "./numbers.js";

const STEPS = 1000; // of a slider that is not of whole numbers
const OPEN = ["Rules", "Rates", "Networks", "Start"]; // groups that are open at the beginning

/** A slider's position and the number there. */
function scale(of) {
  const { low, high, log, kind } = of;
  const round = (x) => (kind === "integer" ? Math.round(x) : +x.toPrecision(log ? 3 : 4));
  if (kind === "integer" && !log) return { least: low, most: high, to: (x) => x, from: (x) => Math.round(x) };
  if (log) {
    const width = Math.log(high / low);
    return { least: 0, most: STEPS, to: (x) => (STEPS * Math.log(x / low)) / width, from: (p) => round(low * Math.exp((width * p) / STEPS)) };
  }
  return { least: 0, most: STEPS, to: (x) => (STEPS * (x - low)) / (high - low), from: (p) => round(low + ((high - low) * p) / STEPS) };
}

/** A slider and a number to type: `moved(value, draft)`; it may be empty if the parameter is optional. */
function number(of, moved) {
  const positions = scale(of);
  const slider = make("input", {
    type: "range", min: positions.least, max: positions.most, step: 1, name: of.name, "aria-label": of.label, title: of.help,
    oninput: () => say(positions.from(+slider.value), true),
    onchange: () => moved(current, false),
  });
  const typed = make("input", {
    type: "text", inputmode: "decimal", name: `${of.name}-typed`, "aria-label": `${of.label}, typed`, autocomplete: "off", size: 6,
    onchange: () => {
      const value = typed.value.trim() === "" ? null : Number(typed.value.trim().replace("−", "-").replace(",", "."));
      moved(value === null && !of.optional ? of.usual : Number.isNaN(value) ? typed.value : value, false);
    },
  });
  let current = null;
  function say(value, draft) {
    current = value;
    typed.value = String(value);
    moved(value, draft);
  }
  function show(value) {
    current = value;
    const known = typeof value === "number";
    typed.value = value === null || value === undefined ? "" : String(value);
    typed.placeholder = of.optional ? "drawn" : "";
    if (known) slider.value = positions.to(value);
    slider.setAttribute("aria-valuetext", known ? text(value) : "not set");
  }
  return { parts: [slider, typed], show };
}

function word(of, moved) {
  const none = of.optional ? [make("option", { value: "" }, "the same")] : [];
  const select = make(
    "select",
    { name: of.name, title: of.help, "aria-label": of.label, onchange: () => moved(select.value || null, false) },
    ...none, ...of.words.map((each) => make("option", { value: each }, each)),
  );
  return { parts: [select], show: (value) => { select.value = value ?? ""; } };
}

function words(of, moved) {
  const boxes = of.words.map((each) =>
    make("input", { type: "checkbox", name: of.name, value: each, onchange: () => moved(boxes.filter((box) => box.checked).map((box) => box.value), false) }),
  );
  const parts = boxes.map((box) => make("label", { class: "word" }, box, box.value.length < 3 ? box.value.toUpperCase() : box.value));
  return { parts: [make("span", { class: "words", role: "group", "aria-label": of.label, title: of.help }, ...parts)], show: (value) => boxes.forEach((box) => { box.checked = value.includes(box.value); }) };
}

function flag(of, moved) {
  const box = make("input", { type: "checkbox", name: of.name, title: of.help, "aria-label": of.label, onchange: () => moved(box.checked, false) });
  return { parts: [box], show: (value) => { box.checked = value === true; } };
}

/** A list of numbers, or a list of lists, as JSON; empty if it is not given. */
function array(of, moved) {
  const typed = make("input", {
    type: "text", name: of.name, title: of.help, "aria-label": of.label, placeholder: of.optional ? "drawn" : "", autocomplete: "off", class: "list",
    onchange: () => {
      const given = typed.value.trim().replaceAll("−", "-");
      let value = given;
      try {
        value = given === "" ? (of.optional ? null : of.usual) : JSON.parse(/^[\d.+-]/.test(given) && given.includes(",") ? `[${given}]` : given);
      } catch {
        // it is refused as it is
      }
      moved(value, false);
    },
  });
  return { parts: [typed], show: (value) => { typed.value = value === null || value === undefined ? "" : JSON.stringify(value).replaceAll(",", ", "); } };
}

/** The entries of a table: numbers with sliders around what they began as, and lists. */
function entries(of, table, moved) {
  const template = of.tables[table.kind ?? Object.keys(of.tables)[0]] ?? {};
  return Object.entries({ ...template, ...table }).filter(([name]) => name !== "kind").map(([name, value]) => {
    const change = (each, draft) => moved({ ...table, [name]: each }, draft);
    const label = `${of.label}, ${name}`;
    const begun = typeof template[name] === "number" && template[name] > 0 ? template[name] : 1;
    const inside = { name: `${of.name}.${name}`, label, help: name, usual: template[name], optional: false };
    const part = typeof value === "number"
      ? number({ ...inside, kind: Number.isInteger(begun) && ["groups", "latent", "heads"].includes(name) ? "integer" : "number", low: 0, high: 4 * begun, log: false }, change)
      : typeof value === "string" ? word({ ...inside, words: [...new Set(["erf", "relu", "linear", "sign", "tanh", value])] }, change)
      : array(inside, change);
    part.show(value);
    return make("div", { class: "row entry" }, make("span", { class: "name" }, name), ...part.parts);
  });
}

/** A number or a table; a table is chosen by its kind, and each of its entries has a control. */
function table(of, moved) {
  const constant = of.kind === "rate" ? number(of, moved) : null;
  const kinds = make(
    "select",
    {
      name: `${of.name}-kind`, class: "kind", title: of.kind === "rate" ? "constant, or a schedule over α" : of.help, "aria-label": `${of.label}, kind`,
      onchange: () => moved(kinds.value === "" ? (of.kind === "rate" ? of.usual : null) : structuredClone(of.tables[kinds.value]), false),
    },
    make("option", { value: "" }, of.kind === "rate" ? "const" : "none"), ...Object.keys(of.tables).map((each) => make("option", { value: each }, each)),
  );
  const below = make("div", { class: "table" });
  let shape = "";
  function show(value) {
    const isTable = value !== null && typeof value === "object";
    kinds.value = isTable ? (value.kind ?? Object.keys(of.tables)[0]) : "";
    for (const part of constant?.parts ?? []) part.hidden = isTable;
    if (constant && !isTable) constant.show(value);
    const now = isTable ? JSON.stringify(value) : "";
    if (now !== shape && !below.contains(document.activeElement)) below.replaceChildren(...(isTable ? entries(of, value, (each, draft) => { shape = JSON.stringify(each); held = each; moved(each, draft); }) : []));
    shape = now;
  }
  let held = null;
  return { parts: [...(constant?.parts ?? []), kinds], below, show };
}

const KINDS = { number, integer: number, word, words, flag, array, table, rate: table };

/** All controls in an element: `show(state)` sets them, `changed(name, value, draft)` is told of what is moved. */
export function controls(of, changed) {
  const groups = new Map();
  const shown = {};
  const rows = {};
  for (const each of of) {
    const control = { ...each, label: each.symbol };
    const part = KINDS[each.kind](control, (value, draft) => changed(each.name, value, draft));
    shown[each.name] = part;
    const [first] = part.parts;
    first.id ||= fresh("control");
    const row = make("div", { class: `row ${each.kind}`, "data-name": each.name, "data-help": each.help }, make(first.matches("input, select") ? "label" : "span", { class: "name", for: first.id }, symbol(each.symbol)), ...part.parts);
    rows[each.name] = row;
    if (!groups.has(each.group)) groups.set(each.group, make("details", { open: OPEN.includes(each.group) }, make("summary", {}, each.group)));
    groups.get(each.group).append(row, ...(part.below ? [part.below] : []));
  }
  return {
    elements: [...groups.values()],
    show(state) {
      for (const each of of) shown[each.name].show(state[each.name] ?? (each.optional ? null : each.usual));
    },
    /** Grey what is of no use, and say why. */
    unused(why) {
      for (const each of of) {
        const row = rows[each.name];
        row.classList.toggle("unused", each.name in why);
        row.dataset.why = why[each.name] ?? "";
      }
    },
    refuse(name) {
      for (const part of Object.values(shown)) for (const each of part.parts) each.removeAttribute("aria-invalid");
      for (const each of shown[name]?.parts ?? []) each.setAttribute("aria-invalid", "true");
    },
  };
}
