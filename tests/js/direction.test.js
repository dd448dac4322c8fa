/** The house: which folder or file may import which. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { files, importsOf, resolve, typeImportsOf } from "./support/sources.js";

/** Low to high: a file imports only from rows below its own, and of its own row from its own folder. */
const ROWS = [
  ["errors", "abort", "coalesce"],
  ["format"],
  ["options"],
  ["crypto", "cache", "network"],
  ["images"],
  ["stored"],
  ["client"],
  ["index", "pixstore-worker"],
  ["view", "service-worker", "image-worker"],
  ["element", "testing", "react", "svelte", "vue"],
];
const rowOf = new Map(ROWS.flatMap((rooms, row) => rooms.map((room) => [room, row])));

/** A folder is one room, and so is a file that lies in none. */
const roomOf = (file) => file.replace(/\.js$/, "").split("/")[0];

test("every file has its place, and every place its files", () => {
  assert.deepEqual([...new Set(files.map(roomOf))].sort(), [...rowOf.keys()].sort());
});

for (const file of files) {
  test(`${file} imports nothing from above or beside it, not even a type`, () => {
    const room = roomOf(file);
    for (const path of [...importsOf(file), ...typeImportsOf(file)]) {
      const imported = resolve(file, path);
      assert.ok(files.includes(imported), `${imported} is no file`);
      const other = roomOf(imported);
      assert.ok(other === room || rowOf.get(other) < rowOf.get(room), `${file} imports ${imported}`);
    }
  });
}

test("no file takes part in an import cycle", () => {
  const open = [];
  const finished = new Set();
  const visit = (file) => {
    assert.ok(!open.includes(file), `cycle: ${[...open, file].join(" → ")}`);
    if (finished.has(file)) return;
    open.push(file);
    for (const path of importsOf(file)) visit(resolve(file, path));
    finished.add(open.pop());
  };
  files.forEach(visit);
});
