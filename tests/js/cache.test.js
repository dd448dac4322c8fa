/** The image cache on an IndexedDB of its own: reading and writing. */

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { IDBFactory, IDBObjectStore } from "fake-indexeddb";

import { CacheError } from "../../js_client/src/errors.js";
import { dump, emptyStorage, fail, patch, transactions } from "./support/storage.js";
import { NAME, ID, cacheOf, bytesOf, image, write, idsIn, watched } from "./support/cache.js";

beforeEach(emptyStorage);

test("read returns the bytes of exactly this version", async () => {
  const cache = cacheOf();
  await write(cache, ID, { token: 2 });
  assert.deepEqual(await cache.read(ID, 2), image);
  for (const token of [1, 3]) assert.equal(await cacheOf().read(ID, token), undefined);
  assert.equal(await cache.read("other", 2), undefined);
});

test("an image of one kind of cache is never read by the other kind and does not count as cached", async () => {
  await write(cacheOf(), ID);
  const other = cacheOf({ cache: "decrypted" });
  assert.equal(await other.read(ID, 1), undefined);
  assert.equal(await other.has(ID), false);
  assert.equal(await cacheOf().has(ID), true);
});

test("the reads of one tick share transactions by 25 and settle together", async (t) => {
  const cache = cacheOf();
  await write(cache, ID);
  const fresh = cacheOf();
  await fresh.has(ID);
  const begun = transactions(t);
  let settled = 0;
  const reads = Array.from({ length: 60 }, async (_, index) => {
    await fresh.read(index ? `image-${index}` : ID, 1);
    settled += 1;
  });
  await reads[0];
  await null;
  assert.ok(settled >= 25, `${settled} settled`);
  await Promise.all(reads);
  assert.deepEqual(begun.map(({ mode }) => mode), ["readonly", "readonly", "readonly"]);
});

test("a read that hangs delays none of a later tick", async (t) => {
  await write(cacheOf(), ID);
  const cache = cacheOf();
  t.mock.timers.enable({ apis: ["setTimeout"] });
  patch(t, IDBObjectStore.prototype, "get", function get(original, key) {
    return key[1] === "hangs" ? {} : original.call(this, key);
  });
  let hasSettled = false;
  cache.read("hangs", 1).finally(() => (hasSettled = true));
  await new Promise(setImmediate);
  assert.deepEqual(await cache.read(ID, 1), image);
  assert.equal(hasSettled, false);
});

test("nothing is looked through before the first read, and after a write a miss needs no transaction", async (t) => {
  await write(cacheOf(), ID);
  const cache = cacheOf();
  const calls = watched(t, "getAll", "count");
  await cache.read("missing", 1);
  assert.deepEqual(calls, []);
  await write(cache, "b");
  const begun = transactions(t);
  assert.equal(await cache.read("missing", 1), undefined);
  assert.equal(await cache.read(ID, 9), undefined);
  assert.deepEqual(begun, []);
  assert.deepEqual(await cache.read(ID, 1), image);
});

test("a new database is known to be empty before it is open, so that a download need not wait", async (t) => {
  let open;
  let isOpen;
  const isLaidOut = new Promise((resolve) => {
    patch(t, IDBFactory.prototype, "open", (original, ...names) => {
      const request = original.call(indexedDB, ...names);
      Object.defineProperty(request, "onsuccess", { set: (tell) => (open = tell) });
      request.addEventListener("upgradeneeded", () => setImmediate(resolve));
      isOpen = new Promise((done) => request.addEventListener("success", done));
      return request;
    });
  });
  const cache = cacheOf();
  const warm = cache.warmUp();
  await isLaidOut;
  assert.equal(await cache.read(ID, 1), undefined);
  const since = await cache.latestRemoval();
  await isOpen;
  open();
  await warm;
  await write(cache, ID, { since });
  assert.deepEqual(await cache.read(ID, 1), image);
});

test("the writes that come in meanwhile share a transaction", async (t) => {
  const cache = cacheOf();
  await cache.has(ID);
  await cache.latestRemoval();
  const begun = transactions(t);
  await Promise.all(Array.from({ length: 51 }, (_, index) => write(cache, `image-${index}`)));
  assert.equal(begun.length, 3);
  assert.equal((await idsIn("bytes")).length, 51);
});

test("a write that comes in while another runs waits for it, so that all that wait share the next one", async (t) => {
  const cache = cacheOf();
  await cache.has(ID);
  const begun = transactions(t);
  const writes = [];
  for (let index = 0; index < 10; index += 1) {
    writes.push(write(cache, `image-${index}`));
    for (let turn = 0; turn < 5; turn += 1) await null;
  }
  await Promise.all(writes);
  assert.equal(begun.length, 2);
});

test("writes and notes of use are relaxed, deletes are strict", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const cache = cacheOf();
  await write(cache, "a");
  await cache.latestRemoval();
  const begun = transactions(t);
  await write(cache, ID);
  cache.touch(ID);
  t.mock.timers.tick(2000);
  await cache.remove(ID);
  await cache.clear();
  assert.deepEqual(begun.map(({ durability }) => durability), ["relaxed", "relaxed", "strict", "strict"]);
});

test("a newer version replaces an older one, never the other way round, not even in one transaction", async () => {
  const cache = cacheOf();
  await Promise.all([2, 3, 1].map((token) => write(cache, ID, { token, bytes: bytesOf(`version ${token}`) })));
  await write(cacheOf(), ID, { token: 1 });
  assert.deepEqual(await cacheOf().read(ID, 3), bytesOf("version 3"));
  assert.equal((await dump(NAME)).bytes.length, 1);
});

test("a version that is newer than a tab knows stays", async () => {
  const [mine, other] = [cacheOf(), cacheOf()];
  await write(mine, ID, { token: 1 });
  await write(other, ID, { token: 3 });
  await write(mine, ID, { token: 2 });
  assert.deepEqual(await other.read(ID, 3), image);
});

test("an older version is still found after a newer one could not be written", async (t) => {
  const cache = cacheOf();
  await write(cache, ID);
  let isBroken = true;
  patch(t, IDBObjectStore.prototype, "put", function put(original, ...args) {
    if (isBroken && this.name === "bytes" && args[1][1] === "b") fail("UnknownError")();
    return original.apply(this, args);
  });
  // The second one fails after the first has been noted.
  await assert.rejects(Promise.all([write(cache, ID, { token: 2 }), write(cache, "b")]), CacheError);
  isBroken = false;
  assert.deepEqual(await cache.read(ID, 1), image);
});

test("a stored view leaves the rest of its buffer behind", async () => {
  await write(cacheOf(), ID, { bytes: bytesOf("a key and the image").subarray(10) });
  const [[, stored]] = (await dump(NAME)).bytes;
  assert.equal(stored.image.buffer.byteLength, 9);
});

test("images of 500 KB and more are Blobs, and come back as such; smaller ones are arrays", async () => {
  const cache = cacheOf({ cacheBytes: 10_000_000 });
  // Without the bytes before it in its buffer.
  await write(cache, "large", { bytes: new Uint8Array(500_032).fill(7, 32).subarray(32) });
  await write(cache, "small", { bytes: new Uint8Array(499_999) });
  const large = await cache.read("large", 1);
  assert.ok(large instanceof Blob);
  assert.deepEqual(new Uint8Array(await large.arrayBuffer()), new Uint8Array(500_000).fill(7));
  assert.ok((await cache.read("small", 1)) instanceof Uint8Array);
});

test("the images of a burst are stored in arrays, because Chromium breaks Blobs if a page has too many", async () => {
  const cache = cacheOf({ cacheBytes: 100_000_000 });
  const ids = Array.from({ length: 8 }, (_, number) => `image-${number}`);
  await Promise.all(ids.map((id) => write(cache, id, { bytes: new Uint8Array(4_000_000) })));
  for (const id of ids) assert.ok((await cache.read(id, 1)) instanceof Uint8Array);
});

test("storage that takes no Blob gets arrays, from the second try on", async (t) => {
  const tried = [];
  patch(t, IDBObjectStore.prototype, "put", function put(original, value, ...key) {
    if (this.name === "bytes") tried.push(value.image.constructor.name);
    if (value.image instanceof Blob) fail("DataCloneError")();
    return original.call(this, value, ...key);
  });
  const cache = cacheOf({ cacheBytes: 10_000_000 });
  for (const id of ["a", "b"]) await write(cache, id, { bytes: new Uint8Array(500_000) });
  assert.deepEqual(tried, ["Blob", "Uint8Array", "Uint8Array"]);
  assert.ok((await cache.read("a", 1)) instanceof Uint8Array);
});

for (const [engine, Kind] of [["WebKit", Uint8Array], ["another engine", Blob]]) {
  test(`WebKit is given no Blob to store, in a private window its transaction may never end: ${engine}`, async (t) => {
    if (engine === "WebKit") Object.defineProperty(Error.prototype, "line", { value: 1, configurable: true });
    t.after(() => delete Error.prototype.line);
    const stored = [];
    patch(t, IDBObjectStore.prototype, "put", function put(original, value, ...key) {
      if (this.name === "bytes") stored.push(value.image.constructor);
      return original.call(this, value, ...key);
    });
    const cache = cacheOf({ cacheBytes: 10_000_000 });
    await write(cache, ID, { bytes: new Uint8Array(500_000) });
    assert.deepEqual(stored, [Kind]);
  });
}

test("a hit reads one record and opens one store", async (t) => {
  await write(cacheOf(), ID);
  const cache = cacheOf();
  await cache.has(ID);
  const [begun, calls] = [transactions(t), watched(t, "get", "getAll", "count")];
  assert.deepEqual(await cache.read(ID, 1), image);
  assert.deepEqual([begun.map(({ stores }) => stores), calls], [[["bytes"]], [["get", "bytes"]]]);
});

test("an image stored by another tab is found once its message has arrived", async () => {
  const [mine, other] = [cacheOf(), cacheOf()];
  await write(mine, "a");
  await write(other, ID);
  assert.equal(await mine.read(ID, 1), undefined);
  mine.forget();
  assert.deepEqual(await mine.read(ID, 1), image);
  await other.clear();
  mine.forget();
  assert.equal(await mine.read(ID, 1), undefined);
  assert.deepEqual(await mine.stats(), { images: 0, bytes: 0 });
});
