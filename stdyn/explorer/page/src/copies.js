// What is seen, to go on with: copied as Python, TOML, a command or a link; saved as figures and data.

import { make } from "./dom.js";
import { asFile, drawing, pictured } from "./picture.js";

const COPIES = [["python", "Python"], ["toml", "TOML"], ["command", "command"]];
const FILES = [["svg", "SVG", "the figures of the curves"], ["png", "PNG", "the figures of the curves"], ["h5", "HDF5", "the numbers of the curves and the runs, for stdyn.load,"]];
const KEPT = 10_000; // milliseconds for which a file is there to be taken

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
      getSelection().selectAllChildren(shown);
    }
  }
  const shown = make("pre", { tabindex: 0 });
  const dialog = make("dialog", { "aria-label": "what was to be copied" }, shown, make("form", { method: "dialog" }, make("button", {}, "close")));
  root.append(dialog);

  function toFile(blob, name) {
    const url = URL.createObjectURL(blob);
    const anchor = make("a", { href: url, download: name });
    root.append(anchor);
    anchor.click();
    anchor.remove();
    setTimeout(() => URL.revokeObjectURL(url), KEPT);
    said(`${name} saved`);
  }
  async function saveView(kind) {
    const { view, state } = explorer;
    const picture = pictured(view, state, root);
    if (picture) toFile(await asFile(picture, kind), `explorer_${view.name}.${kind}`);
    else said("nothing is drawn there yet");
  }
  link.on("copy", (header) => toClipboard(header.text, header.as));
  link.on("file", (header, _, buffer) => toFile(new Blob([buffer], { type: header.type }), header.name));
  const button = (text, onclick, title) => make("button", { type: "button", onclick, title, "aria-label": title }, text);
  const ofView = make(
    "span", { class: "of-view", hidden: true }, "view ",
    ...["svg", "png"].map((kind) => button(kind.toUpperCase(), () => saveView(kind), `save the view that is looked at as ${kind.toUpperCase()}`)),
  );
  root.addEventListener("stdyn-viewed", () => { ofView.hidden = !drawing(explorer.view); });
  return make(
    "div", { class: "bar-of-buttons", role: "toolbar", "aria-label": "copy and save" },
    make("span", {}, "copy as"), ...COPIES.map(([as, text]) => button(text, () => link.ask("copy", { state: explorer.state, as }), `copy what is seen as ${text}`)),
    ...(address ? [button("link", () => toClipboard(location.href, "link"), "copy the address of what is seen")] : []),
    make("span", {}, "save curves"),
    ...FILES.map(([what, text, of]) => button(text, () => { said("drawing …"); link.ask("save", { state: explorer.state, what }); }, `save ${of} as ${text}`)),
    ofView,
  );
}
