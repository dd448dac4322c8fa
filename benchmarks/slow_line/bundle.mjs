/** Bundles the pages' scripts for React and Vue into the folder that is its argument; minifies and compresses all there. */

import { readFile, readdir, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync } from "node:zlib";

import { CLIENT, bundle } from "../../tests/js/support/bundle.js";

const { minify } = createRequire(path.join(CLIENT, "build.js"))("terser");
const [folder] = process.argv.slice(2);

for (const name of ["react", "vue"]) {
  const entry = fileURLToPath(new URL(`page/bundled/${name}.js`, import.meta.url));
  await bundle(entry, { outfile: path.join(folder, `${name}.js`), production: true });
}
for (const name of await readdir(folder)) {
  const file = path.join(folder, name);
  const { code } = await minify(await readFile(file, "utf8"), { module: true });
  await writeFile(`${file}.br`, brotliCompressSync(code));
}
