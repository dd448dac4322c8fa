/** The meter of the browser benchmarks: it counts the bytes that go through IndexedDB. */

import "fake-indexeddb/auto";
import assert from "node:assert/strict";
import { test } from "node:test";

import { countReads, countWrites } from "../../benchmarks/browser/page/storage-meter.js";

const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

async function openStore() {
  const request = indexedDB.open(`meter-${Math.random()}`);
  request.onupgradeneeded = () => request.result.createObjectStore("images");
  const connection = await done(request);
  return () => connection.transaction("images", "readwrite").objectStore("images");
}

test("writes are counted with their texts and numbers, reads by their image bytes, however they come out", async () => {
  const images = await openStore();
  const [written, read] = [countWrites(), countReads()];
  await done(images().put({ id: "abc", token: 1, bytes: new Uint8Array(1000) }, "abc"));
  await done(images().add({ id: "de", token: 1 }, "de"));
  assert.equal(written(), 1000 + 3 + 8 + 2 + 8);
  await done(images().get("de"));
  await done(images().count());
  assert.equal(read(), 0);
  await done(images().get("abc"));
  await done(images().getAll());
  await done(images().openCursor());
  assert.equal(read(), 3000);
});
