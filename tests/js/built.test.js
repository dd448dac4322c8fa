/** What the mounted application serves: the client in one file, built of its sources. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { brotliCompressSync } from "node:zlib";

const CLIENT = fileURLToPath(new URL("../../js_client/", import.meta.url));
const SIZE_LIMIT = 10_500;

test("js_client/dist is what `npm run build` makes of the sources", (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "pixstore-built-"));
  t.after(() => rmSync(folder, { recursive: true }));
  execFileSync("npm", ["run", "--silent", "build", "--", folder], {
    cwd: CLIENT,
  });
  assert.ok(filesOf("dist").size > 1);
  assert.deepEqual(filesOf("dist"), filesOf(folder));
});

test("js_client/types is what `npm run build:types` makes of the sources: a folder that npm links is packed by nobody", (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "pixstore-types-"));
  t.after(() => rmSync(folder, { recursive: true }));
  execFileSync(
    "npm",
    ["run", "--silent", "build:types", "--", "--outDir", folder],
    { cwd: CLIENT },
  );
  assert.ok(filesOf("types").has("index.d.ts"));
  assert.deepEqual(filesOf("types"), filesOf(folder));
});

test("the whole client stays below 10.5 kB in brotli", (t) => {
  const bytes = [...filesOf("dist").values()].reduce(
    (sum, code) => sum + brotliCompressSync(code).length,
    0,
  );
  t.diagnostic(`${bytes} bytes`);
  assert.ok(bytes < SIZE_LIMIT, `${bytes} bytes`);
});

/** @param {string} folder */
function filesOf(folder) {
  const directory = path.resolve(CLIENT, folder);
  return new Map(
    readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name))
      .map((file) => [path.relative(directory, file), readFileSync(file, "utf8")]),
  );
}
