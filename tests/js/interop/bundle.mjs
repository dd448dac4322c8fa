/** Writes the page of the interop tests into the folder that is its argument: the clients bundled, and as they are. */

import { cp, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const folder = process.argv[2];

await build({
  entryPoints: [here("page.js"), here("worker.js")],
  outdir: folder,
  bundle: true,
  format: "esm",
  define: { "process.env.NODE_ENV": '"production"' },
});
for (const part of ["frontend", "shared", "types"]) {
  await cp(here(`../node_modules/pixstore/${part}`), path.join(folder, "npm", part), { recursive: true });
}
await cp(here("../../../js_client/src"), path.join(folder, "ours", "frontend"), { recursive: true });
await writeFile(
  path.join(folder, "index.html"),
  '<!doctype html><html lang="en"><meta charset="utf-8"><title>Interop</title><script type="module" src="page.js"></script></html>',
);
