// Colours that all eyes tell apart on paper and on a dark page, each with a dash, so that grey is enough.
// On paper rules look as in the figures of stdyn.

const PAPER = {
  rules: { fa: "#D55E00", bp: "#0072B2", kp: "#000000", mixed: "#CC79A7" },
  units: ["#0072B2", "#D55E00", "#00A3AF", "#140A14", "#B371FF", "#53395C", "#1D01D9"],
  signs: ["#D55E00", "#0072B2"],
};
const DARK = {
  rules: { fa: "#FF8B3D", bp: "#56B4E9", kp: "#FFFFFF", mixed: "#B57FA8" },
  units: ["#56B4E9", "#FF8B3D", "#FBE96E", "#35FCF9", "#C73A08", "#2C5BFF", "#925E94"],
  signs: ["#FF8B3D", "#56B4E9"],
};

export const RULES = {
  fa: { colour: PAPER.rules.fa, dash: [], name: "FA" },
  bp: { colour: PAPER.rules.bp, dash: [7, 4], name: "BP" },
  kp: { colour: PAPER.rules.kp, dash: [2, 3], name: "KP" },
  mixed: { colour: PAPER.rules.mixed, dash: [9, 3, 2, 3], name: "mixed" },
};

export const UNITS = [...PAPER.units];

export const SIGNS = [...PAPER.signs]; // of what is positive and negative

export const DASHES = [[], [7, 4], [2, 3], [9, 3, 2, 3], [5, 2], [1, 4]];

/** Wear the colours of a dark page or of paper, from the next drawing on. */
function wear({ rules, units, signs }) {
  for (const [rule, colour] of Object.entries(rules)) RULES[rule].colour = colour;
  UNITS.splice(0, UNITS.length, ...units);
  SIGNS.splice(0, SIGNS.length, ...signs);
}

/** Whether what lies behind an element is dark: its nearest ground that is not transparent; else what the reader prefers. */
function isDark(element) {
  if (matchMedia("print").matches) return false;
  for (let behind = element.parentElement; behind; behind = behind.parentElement) {
    const [red, green, blue, cover = 1] = getComputedStyle(behind).backgroundColor.match(/[\d.]+/g)?.map(Number) ?? [0, 0, 0, 0];
    if (cover > 0.5) return 0.2126 * red + 0.7152 * green + 0.0722 * blue < 110;
  }
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

/** Keep the page in `root` as dark as what it stands in, a notebook or a window; `redraw` is called when that changes. */
export function themed(root, redraw) {
  const queries = ["print", "(prefers-color-scheme: dark)", "(forced-colors: active)"].map((words) => matchMedia(words));
  function look(event) {
    const theme = isDark(root) ? "dark" : "paper";
    const same = root.dataset.theme === theme && !event?.media;
    root.dataset.theme = theme;
    if (same) return;
    wear(theme === "dark" ? DARK : PAPER);
    redraw();
  }
  const watched = new MutationObserver(look);
  for (const element of [document.documentElement, document.body]) watched.observe(element, { attributes: true });
  for (const query of queries) query.addEventListener("change", look);
  const placed = new ResizeObserver(() => look()); // a notebook shows it only after it is made
  placed.observe(root);
  look();
  return () => {
    placed.disconnect();
    watched.disconnect();
    for (const query of queries) query.removeEventListener("change", look);
  };
}
