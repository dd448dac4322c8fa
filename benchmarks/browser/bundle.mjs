/** Bundles npm's front end, unmodified, from PIXSTORE_NPM_MODULES into the file that is its argument. */

import { createRequire } from "node:module";
import path from "node:path";

const modules = process.env.PIXSTORE_NPM_MODULES;
const { build } = createRequire(path.join(modules, "any.js"))("esbuild");

await build({
  entryPoints: [path.join(modules, "pixstore/frontend/index.js")],
  outfile: process.argv[2],
  bundle: true,
  minify: true,
  format: "esm",
  define: { "process.env.NODE_ENV": '"production"' },
});
