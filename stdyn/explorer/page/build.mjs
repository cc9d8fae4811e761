// npm ci --ignore-scripts && npm run build: src/ and uPlot become explorer.js and explorer.css.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";

import { build } from "esbuild";

const read = (path) => readFileSync(path, "utf8");

/** What the page is made of, as one number that stands in its first line, so that sources newer than it are seen. */
function digest() {
  const inside = readdirSync("src", { recursive: true }).filter((path) => /\.(js|css)$/.test(path));
  const paths = ["build.mjs", "package-lock.json", "package.json", ...inside.map((path) => `src/${path}`)];
  const hash = createHash("sha256");
  for (const path of paths.sort()) hash.update(`${path}\0${read(path)}\0`);
  return hash.digest("hex").slice(0, 16);
}

const uplot = "node_modules/uplot";
const { version } = JSON.parse(read(`${uplot}/package.json`));
for (const said of [`uPlot ${version},`, read(`${uplot}/LICENSE`).trim()]) {
  if (!read("LICENSES.txt").includes(said)) throw new Error(`LICENSES.txt does not say what uPlot's licence says: ${said}`);
}
const banner = `Made by \`npm run build\` of src/ and uPlot (MIT, see LICENSES.txt); not to be edited. Sources: ${digest()}`;

await build({
  entryPoints: { explorer: "src/main.js" },
  outdir: ".",
  bundle: true,
  format: "esm",
  minify: true,
  target: ["es2022"],
  charset: "utf8",
  legalComments: "inline",
  banner: { js: `// ${banner}\n`, css: `/* ${banner} */` },
});
