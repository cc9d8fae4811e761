// The state in the address, behind the #: a link shows what is seen.

/** The state that an address says; what cannot be read is left out. */
export function read(hash) {
  const state = {};
  for (const [name, text] of new URLSearchParams(hash.replace(/^#/, ""))) {
    try {
      state[name] = JSON.parse(text);
    } catch {
      state[name] = text; // a word
    }
  }
  return state;
}

/** The part of an address that says the values which are not usual. */
export function written(state, usual) {
  const parts = new URLSearchParams();
  for (const [name, value] of Object.entries(state)) {
    if (JSON.stringify(value) === JSON.stringify(usual[name] ?? null)) continue;
    parts.set(name, typeof value === "string" && !/^[\d\[{"tfn-]/.test(value) ? value : JSON.stringify(value));
  }
  return parts.toString();
}
