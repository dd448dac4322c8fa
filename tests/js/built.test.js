/** The files that the mounted application serves are built from the sources. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync, gunzipSync } from "node:zlib";

const CLIENT = fileURLToPath(new URL("../../js_client/", import.meta.url));
/** Most bytes of each file in brotli, with some 5 % of room: a page downloads them before its first picture. */
const LIMITS = { "index.js": 12_600, "stored.js": 1_900, "pixstore-worker.js": 400, "element.js": 3_500, "view.js": 2_600, "image-worker.js": 820, "service-worker.js": 14_400 };
// The output of zlib and brotli differs between their versions; the decompressed text does not.
const DECODERS = { ".br": brotliDecompressSync, ".gz": gunzipSync };

test("js_client/dist equals a fresh `npm run build`", (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "pixstore-built-"));
  t.after(() => rmSync(folder, { recursive: true }));
  execFileSync("npm", ["run", "--silent", "build", "--", folder], {
    cwd: CLIENT,
  });
  assert.ok(filesOf("dist").size > 1);
  assert.deepEqual(filesOf("dist"), filesOf(folder));
});

test("each file of js_client/dist has a brotli and a gzip variant without a time in its head", () => {
  const built = filesOf("dist");
  const plain = [...built.keys()].filter((name) => name.endsWith(".js"));
  assert.equal(built.size, plain.length * 3);
  for (const name of plain) {
    assert.equal(built.get(`${name}.br`), built.get(name));
    assert.equal(built.get(`${name}.gz`), built.get(name));
    const [flags, ...time] = bytesOf(`${name}.gz`).subarray(3, 8);
    assert.deepEqual([flags, time], [0, [0, 0, 0, 0]]);
  }
});

test("no file is above its limit in brotli, the core not above 12.6 kB", (t) => {
  const names = [...filesOf("dist").keys()].filter((name) => name.endsWith(".js"));
  assert.deepEqual(names.sort(), Object.keys(LIMITS).sort());
  for (const name of names) {
    const { length } = bytesOf(`${name}.br`);
    t.diagnostic(`${name}: ${length} bytes`);
    assert.ok(length <= LIMITS[name], `${name}: ${length} bytes`);
  }
});

/** @param {string} name */
function bytesOf(name) {
  return readFileSync(path.join(CLIENT, "dist", name));
}

/**
 * The texts of the files of a folder, decompressed, by their names.
 *
 * @param {string} folder
 */
function filesOf(folder) {
  const directory = path.resolve(CLIENT, folder);
  return new Map(
    readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name))
      .map((file) => [path.relative(directory, file), textOf(file)]),
  );
}

/** @param {string} file */
function textOf(file) {
  const decode = DECODERS[path.extname(file)] ?? ((bytes) => bytes);
  return decode(readFileSync(file)).toString();
}
