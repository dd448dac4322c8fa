/** README's section on tests of pages: its example runs as it stands, its table has every function. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { createClient } from "../../js_client/src/index.js";
import { createTestClient } from "../../js_client/src/testing/index.js";
import { textOf } from "./support/sources.js";

const CLIENT = fileURLToPath(new URL("../../js_client/", import.meta.url));
const [, SECTION] = /\n## Testing your page\n(.*?)\n## /s.exec(readFileSync(path.join(CLIENT, "README.md"), "utf8"));

test("the example's tests pass in a project that has the package", (t) => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "pixstore-example-"));
  t.after(() => rmSync(folder, { recursive: true }));
  mkdirSync(path.join(folder, "node_modules"));
  symlinkSync(CLIENT, path.join(folder, "node_modules", "pixstore-asgi-client"));
  writeFileSync(path.join(folder, "package.json"), '{ "type": "module" }');
  const files = [...SECTION.matchAll(/```js\n\/\/ (\S+)\n(.*?)```/gs)];
  for (const [, name, text] of files) writeFileSync(path.join(folder, name), text);
  assert.deepEqual(files.map(([, name]) => name), ["show-picture.js", "show-picture.test.js"]);
  const env = { ...process.env };
  delete env.NODE_TEST_CONTEXT; // or it would report to this run
  const told = execFileSync(process.execPath, ["--test", "--test-reporter=tap"], { cwd: folder, env, encoding: "utf8" });
  assert.match(told, /^# pass 2$/m);
  assert.match(told, /^# fail 0$/m);
});

test("the table has every function that the test client has and the real one has not", (t) => {
  const real = createClient({ cache: "off" });
  t.after(real.close);
  const rows = [...SECTION.matchAll(/^\| (`.*?) \|/gm)].flatMap(([, cell]) => [...cell.matchAll(/`(\w+)/g)].map(([, name]) => name));
  const own = Object.keys(createTestClient()).filter((name) => !(name in real));
  assert.deepEqual(rows.sort(), own.sort());
});

test("the failures that README names are all there are", () => {
  const [, table] = /const FAILURES = \{\n(.*?)\n\};/s.exec(textOf("testing/troubles.js"));
  const names = [...table.matchAll(/^ {2}"?([a-z-]+)"?: /gm)].map(([, name]) => name);
  const [, cell] = /^\| `fail\(.*?or as (.*?);/m.exec(SECTION);
  assert.deepEqual([...cell.matchAll(/"([a-z-]+)"/g)].map(([, name]) => name), names);
});
