// What is seen, to go on with: copied as Python, TOML, a command or a link; saved as figures and data.

import { make } from "./dom.js";

const COPIES = [["python", "Python"], ["toml", "TOML"], ["command", "command"]];
const FILES = [["svg", "figures, SVG"], ["png", "figures, PNG"], ["h5", "data, HDF5"]];

/** The bar of buttons; `said` is told what has been done. */
export function bar({ explorer, link, address, said, root }) {
  async function toClipboard(text, what) {
    explorer.copied = text;
    try {
      await navigator.clipboard.writeText(text);
      said(`${what} copied`);
    } catch {
      shown.textContent = text; // the browser does not allow it: it can be copied from here
      dialog.showModal();
    }
  }
  const shown = make("pre", { tabindex: 0 });
  const dialog = make("dialog", { "aria-label": "what was to be copied" }, shown, make("form", { method: "dialog" }, make("button", {}, "close")));
  root.append(dialog);

  link.on("copy", (header) => toClipboard(header.text, header.as));
  link.on("file", (header, _, buffer) => {
    const url = URL.createObjectURL(new Blob([buffer], { type: header.type }));
    const anchor = make("a", { href: url, download: header.name });
    root.append(anchor);
    anchor.click();
    anchor.remove();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
    said(`${header.name} saved`);
  });
  const button = (text, onclick, title) => make("button", { type: "button", onclick, title }, text);
  return make(
    "div", { class: "bar-of-buttons", role: "toolbar", "aria-label": "copy and save" },
    make("span", {}, "copy as"), ...COPIES.map(([as, text]) => button(text, () => link.ask("copy", { state: explorer.state, as }))),
    ...(address ? [button("link", () => toClipboard(location.href, "link"))] : []),
    make("span", {}, "save"), ...FILES.map(([what, text]) => button(text, () => { said("drawing …"); link.ask("save", { state: explorer.state, what }); })),
  );
}
