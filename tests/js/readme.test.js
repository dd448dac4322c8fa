/** README's tables of functions, options and errors are those of the sources. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import * as pixstore from "../../js_client/src/index.js";
import { resolveOptions } from "../../js_client/src/options/options.js";
import { SOURCES, textOf } from "./support/sources.js";

const README = readFileSync(new URL("../README.md", SOURCES), "utf8");

/** The cells of each row of the table with this head. */
function rows(head) {
  const [, table] = README.split(`\n${head}\n`);
  return table.split("\n\n")[0].split("\n").slice(1).map((row) => row.split("|").slice(1, -1).map((cell) => cell.trim()));
}

const namesIn = (cell) => [...cell.matchAll(/`(\w+)[`(]/g)].map(([, name]) => name);

/** The names in an object that a source declares: `const NAME = {`. */
function namesOf(file, name) {
  const [, body] = new RegExp(`^const ${name} = \\{\\n(.*?)^\\};`, "ms").exec(textOf(file));
  return [...body.matchAll(/^ {2}(\w+)[:,]/gm)].map(([, key]) => key);
}

test("the table of functions has every function, and those of a client", (t) => {
  const listed = rows("| name | effect |").flatMap(([cell]) => namesIn(cell));
  const errors = Object.keys(pixstore).filter((name) => name.endsWith("Error"));
  assert.deepEqual([...listed, ...errors].sort(), Object.keys(pixstore).sort());
  const client = pixstore.createClient({ cache: "off" });
  t.after(client.close);
  const shared = Object.keys(client).filter((name) => name in pixstore);
  assert.equal(shared.length, 11, "as README says");
  assert.deepEqual(listed.slice(0, 11).sort(), shared.sort());
  assert.deepEqual(Object.keys(client).filter((name) => !(name in pixstore)), ["close"]);
});

test("the table of options has every option, with its default", () => {
  const listed = rows("| option | default | meaning |");
  assert.deepEqual(listed.map(([name]) => namesIn(name)[0]), namesOf("options/options.js", "CONFIG"));
  const defaults = resolveOptions({});
  for (const [cell, told] of listed) {
    const [name] = namesIn(cell);
    const [, mebibytes] = /^(\d+) MiB$/.exec(told) ?? [];
    const number = mebibytes ? mebibytes * 2 ** 20 : Number(/^`(\d+)`$/.exec(told)?.[1]);
    if (Number.isFinite(number)) assert.equal(defaults[name], number, name);
    else if (["none", "`false`"].includes(told)) assert.ok(!defaults[name] || name === "onCacheError", name);
    else if (name === "cleanupBatch") assert.equal(defaults[name], defaults.cacheLimit / 20);
    else if (name !== "credentials") assert.equal(defaults[name], /"([^"]+)"/.exec(told)[1], name);
  }
});

test("the table of getImage's options has every option", () => {
  const listed = rows("| option of `getImage`, `getImages` | meaning |").map(([cell]) => namesIn(cell)[0]);
  assert.deepEqual(listed.sort(), namesOf("options/options.js", "IMAGE").sort());
});

test("the table of cache forms has every form", () => {
  const listed = rows("| `cache` | keeps | readable on the disk |").map(([cell]) => cell.replaceAll(/[`"]/g, ""));
  const [, kinds] = /CACHE_KINDS = .*?\[(.*?)\]/.exec(textOf("options/options.js"));
  assert.deepEqual(listed, kinds.replaceAll('"', "").split(", "));
});

test("the table of errors has every error, with its reasons", () => {
  const listed = rows("| error | when | more |");
  const names = Object.keys(pixstore).filter((name) => name.endsWith("Error") && name !== "PixstoreError");
  assert.deepEqual(listed.map(([cell]) => namesIn(cell)[0]).sort(), names.sort());
  const source = textOf("errors.js").replace("PixstoreError<WireReason>", `PixstoreError<${/@typedef \{(".*?)\} WireReason/.exec(textOf("errors.js"))[1]}>`);
  for (const [cell, , more] of listed) {
    const [name] = namesIn(cell);
    const [, reasons] = new RegExp(`@extends \\{PixstoreError<(.*?)>\\}\\n \\*/\\nexport class ${name} `).exec(source);
    const told = /`reason`: ([^;]*)/.exec(more)?.[1] ?? "";
    const own = [...reasons.matchAll(/"([\w-]+)"/g)].map(([, reason]) => reason);
    // An error with one reason is named after it.
    assert.deepEqual([...told.matchAll(/`([\w-]+)`/g)].map(([, reason]) => reason), own.length > 1 ? own : [], name);
  }
});

test("the table of npm's options has every one", () => {
  const listed = rows("| npm option | is |").flatMap(([cell]) => namesIn(cell));
  const typed = [...textOf("options/npm-names.js").matchAll(/@property \{.*?\} \[(\w+)\]/g)].map(([, name]) => name);
  assert.deepEqual(listed.sort(), typed.sort());
});
