// The state in the address, behind the #: a link shows what is seen. It says every parameter that is not usual, so that
// it means the same whatever the server began with, and, behind "view", what is looked at.

const VIEW = "view"; // what the names begin with that are no parameters

/** The state that an address says, null if it says none, and what is looked at. */
export function read(hash) {
  const [state, seen] = [{}, {}];
  for (const [name, text] of new URLSearchParams(hash.replace(/^#/, ""))) {
    const into = name.startsWith(VIEW) ? seen : state;
    try {
      into[name] = JSON.parse(text);
    } catch {
      into[name] = text; // a word
    }
  }
  return { state: Object.keys(state).length ? state : null, seen };
}

/** The part of an address that says them: the rules, so that it is never empty, and the values which are not usual. */
export function written(state, usual, seen) {
  const parts = new URLSearchParams();
  const all = { rules: usual.rules, ...state, ...seen };
  for (const [name, value] of Object.entries(all)) {
    if (name !== "rules" && JSON.stringify(value) === JSON.stringify(usual[name] ?? null)) continue;
    parts.set(name, typeof value === "string" && !/^[\d\[{"tfn-]/.test(value) ? value : JSON.stringify(value));
  }
  return parts.toString();
}
