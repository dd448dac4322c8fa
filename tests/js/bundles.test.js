/** Bundlers of pages find the code of stored pairs, which is loaded on demand. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";

import { build as esbuild } from "esbuild";
import { build as vite } from "vite";

import { dump, emptyStorage } from "./support/storage.js";

const CORE = fileURLToPath(new URL("../../js_client/src/index.js", import.meta.url));

function folderOf(t) {
  const folder = mkdtempSync(path.join(tmpdir(), "pixstore-bundle-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

for (const splitting of [false, true]) {
  test(`esbuild's output has a stored pair, ${splitting ? "with" : "without"} a chunk of its own for it`, async (t) => {
    const outdir = folderOf(t);
    const { outputFiles } = await esbuild({ entryPoints: [CORE], bundle: true, format: "esm", splitting, outdir, outExtension: { ".js": ".mjs" }, write: false });
    assert.equal(outputFiles.length > 1, splitting);
    for (const { path: file, text } of outputFiles) writeFileSync(file, text);
    emptyStorage();
    const { createClient } = await import(pathToFileURL(path.join(outdir, "index.mjs")).href);
    const headers = await Promise.all([1, 2].map(() => createClient({ keyPair: "stored" }).recipientHeaders()));
    assert.deepEqual(headers[0], headers[1]);
    assert.deepEqual((await dump()).bytes.map(([key]) => key), [[""]]);
  });
}

test("Vite makes a chunk for it, which the core imports", async (t) => {
  const root = folderOf(t);
  writeFileSync(path.join(root, "index.html"), '<script type="module" src="main.js"></script>');
  writeFileSync(path.join(root, "main.js"), `import { createClient } from ${JSON.stringify(CORE)};\nglobalThis.client = createClient();`);
  const { output } = await vite({ root, configFile: false, logLevel: "silent", build: { write: false } });
  const chunk = output.find(({ fileName }) => /^assets\/stored-.*\.js$/.test(fileName));
  const entry = output.find(({ isEntry }) => isEntry);
  assert.deepEqual(entry.dynamicImports, [chunk.fileName]);
});
