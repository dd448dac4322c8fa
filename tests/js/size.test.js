/** How much a page loads for the client. */

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { brotliCompressSync } from "node:zlib";

import { build } from "esbuild";

const SOURCES = fileURLToPath(new URL("../../js_client/src/", import.meta.url));
const SIZE_LIMIT = 10_250;

test("the whole client, minified, stays below 10.25 kB in brotli", async (t) => {
  const bundles = await bundleAll();
  const bytes = bundles.reduce((sum, code) => sum + brotliCompressSync(code).length, 0);
  t.diagnostic(`${bytes} bytes in ${bundles.length} file${bundles.length === 1 ? "" : "s"}`);
  assert.ok(bytes < SIZE_LIMIT, `${bytes} bytes`);
});

/** Bundle index.js, and on its own whatever that doesn't import, as a worker's script is. */
async function bundleAll() {
  const bundles = [];
  const bundled = new Set();
  for (const name of ["index.js", ...readdirSync(SOURCES)]) {
    if (bundled.has(name)) continue;
    const { outputFiles, metafile } = await bundle(name);
    bundles.push(outputFiles[0].contents);
    for (const input of Object.keys(metafile.inputs)) bundled.add(path.basename(input));
  }
  return bundles;
}

const bundle = (name) =>
  build({
    entryPoints: [path.join(SOURCES, name)],
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    write: false,
    metafile: true,
  });
