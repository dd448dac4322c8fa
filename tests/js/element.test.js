/** README and custom-elements.json describe the element in the same way. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { SOURCES } from "./support/sources.js";

const read = (name) => readFileSync(new URL(`../${name}`, SOURCES), "utf8");
const [, SECTION] = /\n## An element\n(.*?)\n## /s.exec(read("README.md"));
const MANIFEST = JSON.parse(read("custom-elements.json"));
const [TOLD] = MANIFEST.modules.flatMap(({ declarations = [] }) => declarations);

/** The cells of a table's rows, by the table's head. */
function rows(head) {
  const [, table] = SECTION.split(`\n${head}\n`);
  return table.split("\n\n")[0].split("\n").slice(1).map((row) => row.split(" | ").map((cell) => cell.replace(/^\| ?| ?\|$/g, "")));
}

const word = (cell) => /`([\w-]+)`/.exec(cell)?.[1];

test("README's table has each attribute and each property, with its default", () => {
  const listed = rows("| attribute | property | default | meaning |");
  const attributes = TOLD.attributes.map(({ name, fieldName }) => [name, fieldName]);
  assert.deepEqual(listed.map(([attribute, property]) => [word(attribute), word(property)]).filter(([name]) => name), attributes);
  const fields = TOLD.members.filter(({ kind }) => kind === "field").map(({ name }) => name);
  assert.deepEqual(listed.map(([, property]) => word(property)), fields);
  const defaults = TOLD.attributes.map(({ name, default: text }) => [name, text]).filter(([, text]) => text);
  const written = listed.map(([attribute, , text]) => [word(attribute), /^`(".+")`$/.exec(text)?.[1]]);
  assert.deepEqual(written.filter(([name, text]) => name && text), defaults);
});

test("README names each event and each slot", () => {
  const [events, slots] = ["event", "slot"].map((kind) =>
    rows("| name | meaning |").map(([name]) => new RegExp(`^the ${kind} \`(\\w+)\``).exec(name)?.[1]).filter(Boolean),
  );
  assert.deepEqual(events, TOLD.events.map(({ name }) => name));
  assert.deepEqual(slots, TOLD.slots.map(({ name }) => name));
});

test("the package says where that is", () => {
  const { customElements, exports } = JSON.parse(read("package.json"));
  assert.equal(customElements, "custom-elements.json");
  assert.ok(MANIFEST.modules.some(({ path }) => `./${path}` === exports["./element"].default));
});
