// The state in the address, behind the #: a link shows what is seen. It says every parameter that is not usual, so that
// it means the same whatever the server began with, and, behind "view", what is looked at.

const VIEW = "view"; // what the names begin with that are no parameters
const OFTEN = 150; // milliseconds between two changes of the address, of which browsers take only so many
const ONE_MOVE = 1000; // milliseconds in which changes of one parameter are one step back

/** The state that an address says, null if it says none, and what is looked at. */
export function read(hash) {
  const [state, seen] = [Object.create(null), Object.create(null)];
  for (const [name, text] of new URLSearchParams(hash.replace(/^#/, ""))) {
    const into = name.startsWith(VIEW) ? seen : state;
    try {
      into[name] = JSON.parse(text);
    } catch {
      into[name] = text; // a word
    }
  }
  return { state: Object.keys(state).length ? { ...state } : null, seen: { ...seen } };
}

/** The part of an address that says them: the rules, so that it is never empty, and the values which are not usual. */
export function written(state, usual, seen) {
  const parts = new URLSearchParams();
  const all = { rules: usual.rules, ...state, ...seen };
  for (const [name, value] of Object.entries(all)) {
    if (name !== "rules" && JSON.stringify(value) === JSON.stringify(usual[name] ?? null)) continue;
    parts.set(name, isPlain(value) ? value : JSON.stringify(value));
  }
  return parts.toString();
}

/** Whether it is a word that is read as itself. */
function isPlain(value) {
  if (typeof value !== "string") return false;
  try {
    JSON.parse(value);
    return false;
  } catch {
    return true;
  }
}

/** The page's address: `keep(hash, name)` writes it, `arrived(hash)` is told of one that the browser has gone to. */
export function place(arrived) {
  let [wanted, timer, last] = [null, null, { name: null, at: -Infinity }];
  let here = location.hash; // where this page has led, or was told of
  addEventListener("hashchange", () => {
    [here, wanted, last] = [location.hash, null, { name: null, at: -Infinity }];
    arrived(here);
  });
  function write() {
    const { hash, step } = wanted;
    timer = setTimeout(() => { timer = null; if (wanted) write(); }, OFTEN);
    wanted = null;
    if (`#${hash}` === location.hash || location.hash !== here) return; // the browser has gone elsewhere, which will be told
    history[step ? "pushState" : "replaceState"](null, "", `#${hash}`);
    here = location.hash;
  }
  return {
    /** `name` is what was moved by hand: a step that the browser can go back; null is none. */
    keep(hash, name = null) {
      const now = performance.now();
      const step = name !== null && (name !== last.name || now - last.at > ONE_MOVE);
      if (name !== null) last = { name, at: now };
      wanted = { hash, step: step || (wanted?.step ?? false) };
      if (timer === null) write();
    },
  };
}
