// The controls: for every parameter of the table that the server sends, what it is moved and typed with.

import { fresh, make, symbol } from "./dom.js";
import { text } from "./numbers.js";

const STEPS = 1000; // of a slider that is not of whole numbers
const OPEN = ["Rules", "Rates", "Networks", "Start"]; // groups that are open at the beginning
const WHOLE = ["groups", "latent", "heads"]; // entries of tables that are whole numbers
const WORDS = ["erf", "relu", "linear", "sign", "tanh"]; // that an entry of a table can be
const MINUS = /−/g;

/** A slider's positions and the numbers there: `to` a position, `from` it. */
function scale(of) {
  const { low, high, log, kind } = of;
  if (kind === "power") return { least: Math.log2(low), most: Math.log2(high), to: Math.log2, from: (p) => 2 ** p };
  if (kind === "integer" && !log) return { least: low, most: high, to: (x) => x, from: (p) => Math.round(p) };
  const round = (x) => (kind === "integer" ? Math.round(x) : +x.toPrecision(log ? 3 : 4));
  const width = log ? Math.log(high / low) : high - low;
  const to = (x) => (STEPS * (log ? Math.log(x / low) : x - low)) / width;
  const from = (p) => round(log ? low * Math.exp((width * p) / STEPS) : low + (width * p) / STEPS);
  return { least: 0, most: STEPS, to, from };
}

/** What was typed: a number, null if nothing, or the text if it is none, which the server refuses. */
function typedNumber(given) {
  const said = given.trim().replace(MINUS, "-").replace(",", ".");
  if (said === "") return null;
  return Number.isFinite(Number(said)) ? Number(said) : given;
}

/** A slider and a number to type: `moved(value, draft)`; it may be empty if the parameter is optional. */
function number(of, moved) {
  const positions = scale(of);
  let current = null;
  let dragged = false; // since the last final value
  const slider = make("input", {
    type: "range", min: positions.least, max: positions.most, step: 1, name: of.name, "aria-label": of.label, title: of.help,
    oninput: () => { dragged = true; place(positions.from(+slider.value)); moved(current, true); },
    onchange: () => final(),
    // a slider that is let go where it was taken has not changed, says the browser
    onpointerup: () => setTimeout(() => dragged && final()), onpointercancel: () => dragged && final(), onblur: () => dragged && final(),
  });
  const typed = make("input", {
    type: "text", inputmode: "decimal", name: `${of.name}-typed`, "aria-label": `${of.label}, typed`, autocomplete: "off", size: 6,
    onchange: () => {
      const value = typedNumber(typed.value);
      moved(value === null && !of.optional ? of.usual : value, false);
    },
  });
  function final() {
    dragged = false;
    moved(current, false);
  }
  function place(value) {
    current = value;
    const known = typeof value === "number";
    typed.value = value === null || value === undefined ? "" : String(value);
    slider.setAttribute("aria-valuetext", known ? text(value) : "not set");
    return known;
  }
  function show(value) {
    typed.placeholder = of.optional ? "drawn" : "";
    if (!place(value)) return;
    const at = positions.to(value);
    slider.value = Number.isFinite(at) ? at : positions.least; // 0 on a logarithmic one
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
  const show = (value) => boxes.forEach((box) => { box.checked = Array.isArray(value) && value.includes(box.value); });
  return { parts: [make("span", { class: "words", role: "group", "aria-label": of.label, title: of.help }, ...parts)], show };
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
      const given = typed.value.trim().replace(MINUS, "-");
      let value = given;
      try {
        value = given === "" ? (of.optional ? null : of.usual) : JSON.parse(/^[\d.+-]/.test(given) && given.includes(",") ? `[${given}]` : given);
      } catch {
        // it is refused as it is
      }
      moved(value, false);
    },
  });
  const said = (value) => (typeof value === "string" ? value : JSON.stringify(value).replaceAll(",", ", "));
  return { parts: [typed], show: (value) => { typed.value = value === null || value === undefined ? "" : said(value); } };
}

/** The control of an entry of a table: numbers have sliders around what they began as. */
function entry(of, name, value, begun, moved) {
  const inside = { name: `${of.name}.${name}`, label: `${of.label}, ${name}`, help: name, usual: begun, optional: false, log: false, low: 0 };
  const kind = WHOLE.includes(name) ? "integer" : "number";
  if (typeof value === "number") return number({ ...inside, kind, high: 4 * (begun > 0 ? begun : 1) }, moved);
  if (typeof value === "string") return word({ ...inside, words: [...new Set([...WORDS, value])] }, moved);
  return array(inside, moved);
}

/** A number or a table; a table is chosen by its kind, and each of its entries has a control. */
function table(of, moved) {
  const isRate = of.kind === "rate";
  const first = Object.keys(of.tables)[0];
  const constant = isRate ? number(of, moved) : null;
  const kinds = make(
    "select",
    {
      name: `${of.name}-kind`, class: "kind", title: isRate ? "constant, or a schedule over α" : of.help, "aria-label": `${of.label}, kind`,
      onchange: () => moved(kinds.value === "" ? (isRate ? of.usual : null) : structuredClone(of.tables[kinds.value]), false),
    },
    make("option", { value: "" }, isRate ? "const" : "none"), ...Object.keys(of.tables).map((each) => make("option", { value: each }, each)),
  );
  const below = make("div", { class: "table" });
  let inside = {}; // the controls of the entries, by name
  let current = null;
  let shape = "";

  /** Make the controls of a table's entries, unless they are there. */
  function rebuild(all, template) {
    const now = JSON.stringify([current.kind, Object.entries(all).map(([name, value]) => [name, typeof value])]);
    if (now === shape) return;
    shape = now;
    inside = Object.fromEntries(Object.entries(all).map(([name, value]) => [name, entry(of, name, value, template[name], (each, draft) => {
      current = { ...current, [name]: each };
      moved(current, draft);
    })]));
    below.replaceChildren(...Object.entries(inside).map(([name, { parts }]) => make("div", { class: "row entry" }, make("span", { class: "name" }, name), ...parts)));
  }
  function show(value) {
    current = value !== null && typeof value === "object" && !Array.isArray(value) ? value : null;
    kinds.value = current ? (current.kind ?? first) : "";
    for (const part of constant?.parts ?? []) part.hidden = current !== null;
    if (!current) {
      constant?.show(value);
      [inside, shape] = [{}, ""];
      below.replaceChildren();
      return;
    }
    const template = of.tables[current.kind ?? first] ?? {};
    const { kind, ...all } = { ...template, ...current };
    rebuild(all, template);
    for (const [name, each] of Object.entries(all)) inside[name].show(each);
  }
  return { parts: [...(constant?.parts ?? []), kinds], below, show };
}

const KINDS = { number, integer: number, power: number, word, words, flag, array, table, rate: table };

/** All controls in elements: `show(state)` sets them, `changed(name, value, draft)` is told of what is moved. */
export function controls(of, changed, reset) {
  const groups = new Map();
  const shown = {};
  const rows = {};
  for (const each of of) {
    const part = KINDS[each.kind]({ ...each, label: each.symbol }, (value, draft) => changed(each.name, value, draft));
    shown[each.name] = part;
    const [first] = part.parts;
    first.id ||= fresh("control");
    const title = `${each.help} (double-click, or Delete on a slider: as at the beginning)`;
    const name = make(first.matches("input, select") ? "label" : "span", { class: "name", title, for: first.id, ondblclick: () => reset(each.name) }, symbol(each.symbol));
    const why = make("small", { class: "why", id: fresh("why"), hidden: true });
    const row = make("div", { class: `row ${each.kind}`, "data-name": each.name, "data-help": each.help }, name, ...part.parts, why);
    row.addEventListener("keydown", (event) => {
      if (event.key !== "Delete" || event.target.type !== "range") return;
      event.preventDefault();
      reset(each.name);
    });
    rows[each.name] = { row, why };
    if (!groups.has(each.group)) groups.set(each.group, make("details", { open: OPEN.includes(each.group) }, make("summary", {}, each.group)));
    groups.get(each.group).append(row, ...(part.below ? [part.below] : []));
  }
  return {
    elements: [...groups.values()],
    show(state) {
      for (const each of of) shown[each.name].show(state[each.name] ?? (each.optional ? null : each.usual));
    },
    /** Grey what is of no use, and say why. */
    unused(reasons) {
      for (const [name, { row, why }] of Object.entries(rows)) {
        row.classList.toggle("unused", name in reasons);
        why.hidden = !(name in reasons);
        row.title = why.textContent = reasons[name] ?? "";
      }
    },
    /** Mark the one that is refused, and have its group open; null: none. */
    refuse(name) {
      for (const { row } of Object.values(rows)) for (const each of row.querySelectorAll("[aria-invalid]")) each.removeAttribute("aria-invalid");
      for (const each of shown[name]?.parts ?? []) each.setAttribute("aria-invalid", "true");
      if (name in rows) rows[name].row.closest("details").open = true;
    },
  };
}
