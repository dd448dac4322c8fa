/** The image cache evicts the least recently used images at its limits. */

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { IDBObjectStore } from "fake-indexeddb";

import { risingTime } from "../../js_client/src/cache/eviction.js";
import { CacheError } from "../../js_client/src/errors.js";
import { pageEvents } from "./support/page.js";
import { dump, emptyStorage, fail, overwrite, patch, transactions } from "./support/storage.js";
import { NAME, ID, cacheOf, image, write, idsIn, watched } from "./support/cache.js";

beforeEach(emptyStorage);

test("the limits hold for all namespaces together, also where another tab stores in another one", async () => {
  const [mine, other] = [cacheOf({ cacheLimit: 3 }), cacheOf({ namespace: "other", cacheLimit: 3 })];
  for (const id of ["a", "b"]) await write(mine, id);
  await write(other, "c");
  await write(mine, "d");
  assert.deepEqual((await idsIn()).sort(), ["b", "c", "d"]);
});

test("too many bytes evict the least recently used images, and a batch's share more, none of them read", async (t) => {
  const cache = cacheOf({ cacheLimit: 10, cleanupBatch: 2, cacheBytes: 50 });
  const ten = new Uint8Array(10);
  for (const id of ["a", "b", "c", "d", "e"]) await write(cache, id, { bytes: ten });
  cache.touch("a");
  const calls = watched(t, "get", "getAll", "openCursor");
  await write(cache, "f", { bytes: ten });
  assert.equal(calls.some(([, store]) => store === "bytes"), false);
  assert.deepEqual(await idsIn(), ["a", "d", "e", "f"]);
  assert.deepEqual(await idsIn("bytes"), ["a", "d", "e", "f"]);
});

test("an entry without a size does not end the limit in bytes", async () => {
  await write(cacheOf(), "a");
  await overwrite("entries", undefined, { namespace: "me", id: "a", lastUsed: 1 }, NAME);
  const cache = cacheOf({ cacheBytes: 10 });
  for (const id of ["b", "c", "d"]) await write(cache, id);
  assert.deepEqual(await idsIn(), ["c", "d"]);
});

test("an image above the limit in bytes is not kept, and evicts nothing", async () => {
  const cache = cacheOf({ cacheBytes: 10 });
  await write(cache, "a");
  await write(cache, "b", { bytes: new Uint8Array(11) });
  assert.deepEqual(await idsIn(), ["a"]);
});

test("an image above half of the cache after an eviction is not kept and evicts nothing", async () => {
  const cache = cacheOf({ cacheBytes: 100, cleanupBatch: 20 });
  await write(cache, "a");
  await write(cache, "b", { bytes: new Uint8Array(41) });
  assert.deepEqual(await idsIn(), ["a"]);
  for (const id of ["c", "d", "e"]) await write(cache, id, { bytes: new Uint8Array(40) });
  assert.deepEqual(await idsIn(), ["d", "e"]);
});

test("the limit in bytes holds for all namespaces together, also where each replaces its images by larger ones", async () => {
  const caches = ["a", "b", "c", "d"].map((namespace) => cacheOf({ namespace, cacheBytes: 1000 }));
  for (const [round, size] of [10, 10, 450].entries()) {
    for (const cache of caches) await write(cache, ID, { token: round + 1, bytes: new Uint8Array(size) });
  }
  assert.deepEqual((await dump(NAME)).entries.map(([[namespace], { size }]) => [namespace, size]), [["c", 450], ["d", 450]]);
});

test("images that a clock ahead has marked are evicted first", async () => {
  await write(cacheOf(), "a");
  const [[, entry]] = (await dump(NAME)).entries;
  await overwrite("entries", undefined, { ...entry, lastUsed: Date.now() + 1e9 }, NAME);
  const cache = cacheOf({ cacheLimit: 2 });
  for (const id of ["b", "c"]) await write(cache, id);
  assert.deepEqual(await idsIn(), ["b", "c"]);
});

test("uses are written every two seconds in one transaction, and images deleted meanwhile stay deleted", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const cache = cacheOf();
  for (const id of ["a", "b"]) await write(cache, id);
  const before = (await dump(NAME)).entries.map(([, { lastUsed }]) => lastUsed);
  for (const id of ["a", "b", "a", "gone"]) cache.touch(id);
  const begun = transactions(t);
  t.mock.timers.tick(1999);
  await cache.has("a");
  assert.equal(begun.length, 1);
  t.mock.timers.tick(1);
  await cache.has("a");
  assert.equal(begun.length, 3);
  const { entries } = await dump(NAME);
  assert.equal(entries.length, 2);
  entries.forEach(([, { lastUsed }], index) => assert.ok(lastUsed > before[index]));
});

test("use is written down when the page is hidden", async (t) => {
  const page = pageEvents(t);
  const cache = cacheOf();
  await write(cache, ID);
  for (const type of ["pagehide", "visibilitychange"]) {
    const [[, { lastUsed }]] = (await dump(NAME)).entries;
    cache.touch(ID);
    page.dispatchEvent(new Event(type));
    await cache.has(ID);
    assert.ok((await dump(NAME)).entries[0][1].lastUsed > lastUsed, type);
  }
  const begun = transactions(t);
  page.dispatchEvent(new Event("pagehide"));
  await null;
  await null;
  assert.deepEqual(begun, []);
});

test("a page that enters the back-forward cache writes no use until it is shown again", async (t) => {
  const page = pageEvents(t);
  const cache = cacheOf();
  await write(cache, ID);
  const [[, { lastUsed }]] = (await dump(NAME)).entries;
  cache.touch(ID);
  const begun = transactions(t);
  page.dispatchEvent(Object.assign(new Event("pagehide"), { persisted: true }));
  page.dispatchEvent(new Event("visibilitychange"));
  await null;
  await null;
  assert.deepEqual(begun, []);
  cache.touch("another");
  page.dispatchEvent(new Event("pagehide"));
  await cache.has(ID);
  assert.ok((await dump(NAME)).entries[0][1].lastUsed > lastUsed);
});

test("used images have an order within a millisecond too, near the time of day", (t) => {
  t.mock.method(Date, "now", () => 5e12);
  const times = [1, 2, 3, 4].map(() => risingTime());
  assert.ok(times.every((time, index) => index === 0 || time > times[index - 1]));
  assert.ok(Math.abs(times[3] - 5e12) < 1);
});

test("a full disk evicts as much as is needed and tries once more, then the write alone fails", async (t) => {
  const cache = cacheOf();
  for (const id of ["a", "b", "c"]) await write(cache, id);
  let refusals = 1;
  patch(t, IDBObjectStore.prototype, "put", function put(original, ...args) {
    if (this.name === "bytes" && refusals-- > 0) fail("QuotaExceededError")();
    return original.apply(this, args);
  });
  await write(cache, "d");
  assert.deepEqual(await idsIn(), ["b", "c", "d"]);
  refusals = 2;
  await assert.rejects(write(cache, "e"), (error) => error instanceof CacheError && error.reason === "failed");
  assert.deepEqual(await idsIn(), ["c", "d"]);
  assert.equal(await cache.read("e", 1), undefined);
  assert.deepEqual(await cache.read("d", 1), image);
});
