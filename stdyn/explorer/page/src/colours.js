// Colours that all eyes tell apart (Okabe & Ito); each also has a dash, so that grey is enough.

export const RULES = {
  fa: { colour: "#D55E00", dash: [], name: "FA" },
  bp: { colour: "#0072B2", dash: [7, 4], name: "BP" },
  kp: { colour: "#009E73", dash: [2, 3], name: "KP" },
  mixed: { colour: "#AA4499", dash: [9, 3, 2, 3], name: "mixed" },
};

export const UNITS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#8A6D00", "#56B4E9", "#444444"];

export const DASHES = [[], [7, 4], [2, 3], [9, 3, 2, 3], [5, 2], [1, 4]];
