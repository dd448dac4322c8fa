/** The vector files that the Python side writes and both sides read. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const FOLDER = new URL("../../vectors/", import.meta.url);

/** The entries of one list in a vector file, with a test that there are some. */
export function vectors(file, list) {
  const { entries, problem } = read(file, list);
  test(`${file} holds vectors under "${list}", each with a name of its own`, () => {
    assert.equal(problem, undefined);
    assert.ok(entries.length > 0, "no vectors");
    const names = entries.map(({ name }) => name);
    assert.equal(new Set(names).size, names.length);
  });
  return entries;
}

function read(file, list) {
  try {
    return { entries: JSON.parse(readFileSync(new URL(file, FOLDER), "utf8"))[list] ?? [] };
  } catch (error) {
    return { entries: [], problem: error.message };
  }
}

/** One test per vector: its name and its rule are the title, `check` gets the vector. */
export function testEach(entries, check) {
  for (const vector of entries) test(`${vector.name}: ${vector.rule}`, () => check(vector));
}

export const fromHex = (text) => new Uint8Array(Buffer.from(text, "hex"));
export const toHex = (bytes) => Buffer.from(bytes).toString("hex");
