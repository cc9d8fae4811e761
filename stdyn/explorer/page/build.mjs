// npm ci --ignore-scripts && npm run build: src/ and uPlot become explorer.js and explorer.css.
import { build } from "esbuild";

await build({
  entryPoints: { explorer: "src/main.js" },
  outdir: ".",
  bundle: true,
  format: "esm",
  minify: true,
  target: ["es2022"],
  charset: "utf8",
  legalComments: "inline",
  banner: { js: "// Made by `npm run build` of src/ and uPlot (MIT, see LICENSES.txt); not to be edited.\n" },
});
