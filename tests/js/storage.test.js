/** The content of IndexedDB, and its failures. */

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { IDBDatabase, IDBFactory, IDBObjectStore } from "fake-indexeddb";

import { CacheError, createClient } from "../../js_client/src/index.js";
import { textOf } from "./support/page.js";
import { createServer } from "./support/server.js";
import { done, dump, emptyStorage, fail, inspect, keyOf, noStorage, patch } from "./support/storage.js";

const ID = "players:abc";

let server;
let errors;
beforeEach(() => {
  emptyStorage();
  server = createServer();
  errors = [];
});

const onCacheError = (error) => errors.push(error);
const clientOf = (config = {}) => createClient({ onCacheError, memoryBytes: 0, ...config }, server.fetcher);

/** A client that has an image in storage, and the image's record. */
async function withImage() {
  const record = server.save(ID, "image");
  const client = clientOf();
  await client.getImage(record);
  // After the transaction that stores it.
  await client.cachedImageExists(ID);
  return { client, record };
}

const isCacheError = (reason) => (error) => error instanceof CacheError && error.reason === reason;

/** Every byte below a stored value, whole buffers included: a stored view brings all of its buffer. */
function bytesWithin(value) {
  if (ArrayBuffer.isView(value)) return [Buffer.from(value.buffer)];
  if (value instanceof ArrayBuffer) return [Buffer.from(value)];
  if (typeof value !== "object" || value === null) return [Buffer.from(String(value))];
  return Object.values(value).flatMap(bytesWithin);
}

const storedBytes = async () => Buffer.concat(bytesWithin(await dump()));

for (const cache of ["encrypted", "decrypted"]) {
  test(`no key and no proof is ever in storage (cache: "${cache}")`, async () => {
    const key = Buffer.from("planted key of thirty-two bytes!");
    const proof = "planted-proof";
    const record = { ...server.save(ID, "image", { key, token: 2 }), statelessProof: proof };
    const client = clientOf({ cache });
    await client.getImage({ ...record, token: 1 });
    await client.cachedImageExists(ID);
    await client.getImage(record);
    await client.cachedImageExists(ID);
    const stored = await storedBytes();
    assert.ok(stored.includes(cache === "decrypted" ? Buffer.from("image") : server.version(ID).ciphertext));
    for (const secret of [key, key.toString("base64"), key.toString("hex"), proof]) {
      assert.equal(stored.includes(secret), false);
    }
  });
}

test("an encrypted cache holds nothing readable", async () => {
  const client = clientOf();
  await client.getImage(server.save(ID, "a readable image"));
  assert.equal(await client.cachedImageExists(ID), true);
  assert.equal((await storedBytes()).includes("readable"), false);
});

test("the entry and the bytes of an image are in stores of their own, in our own database", async () => {
  const client = clientOf();
  await client.getImage(server.save(ID, "image", { token: 7 }));
  await client.cachedImageExists(ID);
  assert.deepEqual((await indexedDB.databases()).map(({ name }) => name), ["pixstore-asgi"]);
  const { entries: [[id, { lastUsed, ...entry }]], bytes } = await dump();
  assert.deepEqual(id, keyOf(ID));
  assert.deepEqual(entry, { namespace: "", id: ID, token: 7, kind: "encrypted", size: 22 });
  assert.ok(Math.abs(Date.now() - lastUsed) < 10_000);
  const { ciphertext, tag } = server.version(ID);
  const image = new Uint8Array(Buffer.concat([ciphertext, tag]));
  assert.deepEqual(bytes, [[keyOf(ID), { token: 7, kind: "encrypted", size: 22, image }]]);
});

test("a hit writes the small entry alone", async (t) => {
  const { client, record } = await withImage();
  const written = [];
  patch(t, IDBObjectStore.prototype, "put", function put(original, ...args) {
    written.push(this.name);
    return original.apply(this, args);
  });
  t.mock.timers.enable({ apis: ["setTimeout"] });
  await client.getImage(record);
  t.mock.timers.tick(2000);
  await client.cachedImageExists(ID);
  assert.deepEqual(written, ["entries"]);
});

test("the least recently used images are evicted in a batch, and no image is read for it", async (t) => {
  t.mock.timers.enable({ apis: ["Date"] });
  const client = clientOf({ cacheLimit: 4, cleanupBatch: 2 });
  const use = async (id) => {
    t.mock.timers.tick(1000);
    await client.getImage(server.save(id, "image"));
    await client.cachedImageExists(id);
  };
  for (const id of ["a", "b", "c", "d"]) await use(id);
  await use("a");
  const reads = [];
  const note = function note(original, ...args) {
    reads.push(this.name);
    return original.apply(this, args);
  };
  for (const method of ["get", "getAll", "openCursor"]) patch(t, IDBObjectStore.prototype, method, note);
  await use("e");
  assert.equal(reads.includes("bytes"), false);
  const { entries, bytes } = await dump();
  assert.deepEqual(entries.map(([[, id]]) => id), ["a", "e"]);
  assert.deepEqual(bytes.map(([[, id]]) => id), ["a", "e"]);
});

test("the newest image survives an eviction even with the clock set back", async (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 1_000_000 });
  const client = clientOf({ cacheLimit: 2, cleanupBatch: 1 });
  for (const id of ["a", "b"]) {
    await client.getImage(server.save(id, "image"));
    await client.cachedImageExists(id);
  }
  t.mock.timers.setTime(1000);
  await client.getImage(server.save("c", "image"));
  assert.equal(await client.cachedImageExists("c"), true);
});

test("without IndexedDB images are served, nothing is cached, and the failure is reported", async () => {
  noStorage();
  const record = server.save(ID, "image");
  const client = clientOf();
  for (let call = 0; call < 2; call += 1) assert.equal(await textOf(await client.getImage(record)), "image");
  assert.equal(await client.cachedImageExists(ID), false);
  assert.equal(await client.deleteCachedImage(ID), false);
  await client.clear();
  assert.ok(errors.length > 0 && errors.every(isCacheError("unavailable")));
});

test("an attempt to open the storage that is over leaves no timer running", async (t) => {
  const running = new Map();
  const { setTimeout: start, clearTimeout: stop } = globalThis;
  const starts = t.mock.method(globalThis, "setTimeout", (...args) => {
    const timer = start(...args);
    running.set(timer, args[1]);
    return timer;
  });
  t.mock.method(globalThis, "clearTimeout", (timer) => {
    running.delete(timer);
    stop(timer);
  });
  await clientOf().cachedImageExists(ID);
  noStorage();
  await clientOf().cachedImageExists(ID);
  assert.ok(starts.mock.callCount() > 1);
  assert.deepEqual([...running.values()].filter((ms) => ms >= 1000), []);
});

test("an onCacheError that throws breaks no image", async (t) => {
  noStorage();
  const tasks = [];
  t.mock.method(globalThis, "queueMicrotask", (task) => tasks.push(task));
  const client = clientOf({
    onCacheError() {
      throw new Error("the page's own");
    },
  });
  assert.equal(await textOf(await client.getImage(server.save(ID, "image"))), "image");
  assert.throws(tasks[0], /the page's own/);
});

test("storage that the browser forbids counts as none", async (t) => {
  patch(t, IDBFactory.prototype, "open", fail("SecurityError"));
  const client = clientOf();
  assert.equal(await textOf(await client.getImage(server.save(ID, "image"))), "image");
  assert.equal(await client.deleteCachedImage(ID), false);
  await client.clear();
  assert.equal(errors[0].cause.name, "SecurityError");
});

test("storage that never opens delays one image for three seconds and the next ones not at all", async (t) => {
  patch(t, IDBFactory.prototype, "open", () => ({}));
  const record = server.save(ID, "image");
  const client = clientOf();
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const image = client.getImage(record);
  await new Promise(setImmediate);
  t.mock.timers.tick(3000);
  assert.equal(await textOf(await image), "image");
  assert.equal(await textOf(await client.getImage(record)), "image");
  assert.equal(errors.at(-1).reason, "failed");
});

test("storage that another tab holds delays an image for three seconds, and then the network gives it", async (t) => {
  const record = server.save(ID, "image");
  const client = clientOf({ memoryBytes: 0 });
  await client.getImage(record);
  while (!(await client.cachedImageExists(ID))) await new Promise(setImmediate);
  await new Promise(setImmediate);
  patch(t, IDBObjectStore.prototype, "get", () => ({}));
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const image = client.getImage(record);
  await new Promise(setImmediate);
  t.mock.timers.tick(3000);
  assert.equal(await textOf(await image), "image");
  assert.equal(errors.at(-1).reason, "failed");
});

test("where a newer client has laid the database out, a delete and a clear say that they could not", async () => {
  const client = clientOf();
  await done(indexedDB.open("pixstore-asgi", 5)).then((connection) => connection.close());
  const isFailed = (error) => error instanceof CacheError && error.reason === "failed";
  await assert.rejects(client.clear(), isFailed);
  await assert.rejects(client.deleteCachedImage(ID), isFailed);
});

test("storage that opens late is used from then on", async (t) => {
  let openForReal;
  patch(t, IDBFactory.prototype, "open", function open(original, ...args) {
    const late = {};
    openForReal = () => {
      const request = original.apply(this, args);
      request.onupgradeneeded = () => Object.assign(late, { result: request.result }).onupgradeneeded();
      return done(request).then((result) => Object.assign(late, { result }).onsuccess());
    };
    return late;
  });
  const client = clientOf();
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const image = client.getImage(server.save(ID, "image"));
  await new Promise(setImmediate);
  t.mock.timers.tick(3000);
  await image;
  t.mock.timers.reset();
  await openForReal();
  await client.getImage(server.save(ID, "image", { token: 2 }));
  assert.equal(await client.cachedImageExists(ID), true);
});

test("a connection that was closed, whether with an event or without, is opened again", async () => {
  const record = server.save(ID, "image");
  const client = clientOf();
  const connections = new Set();
  const original = IDBDatabase.prototype.transaction;
  IDBDatabase.prototype.transaction = function transaction(...args) {
    connections.add(this);
    return original.apply(this, args);
  };
  await client.getImage(record);
  await client.cachedImageExists(ID);
  IDBDatabase.prototype.transaction = original;
  assert.equal(connections.size, 1);
  connections.forEach((connection) => connection.close());
  await client.getImage(record);
  assert.equal(await client.cachedImageExists(ID), true);
  assert.equal(server.requests.length, 1);
  assert.deepEqual(errors, []);
});

test("calls at once open a connection that was closed without a word once", async (t) => {
  const client = clientOf();
  await client.stats();
  patch(t, IDBDatabase.prototype, "transaction", function transaction(original, ...args) {
    if (!this.isClosed) this.close();
    this.isClosed = true;
    IDBDatabase.prototype.transaction = original;
    return original.apply(this, args);
  });
  const opened = t.mock.method(IDBFactory.prototype, "open", IDBFactory.prototype.open);
  await Promise.all([client.cachedImageExists("a"), client.cachedImageExists("b"), client.stats()]);
  assert.equal(opened.mock.callCount(), 1);
});

test("another tab can delete the database while the client has it open, and caching goes on", async () => {
  const { client, record } = await withImage();
  const request = indexedDB.deleteDatabase("pixstore-asgi");
  request.onblocked = () => assert.fail("blocked");
  await done(request);
  assert.equal(await client.cachedImageExists(ID), false);
  await client.getImage(record);
  assert.equal(await client.cachedImageExists(ID), true);
  assert.deepEqual(errors, []);
});

test("calls at once open a database that was deleted meanwhile once", async (t) => {
  const { client, record } = await withImage();
  await done(indexedDB.deleteDatabase("pixstore-asgi"));
  const { open } = IDBFactory.prototype;
  const opened = t.mock.method(IDBFactory.prototype, "open", open);
  const exists = ["a", "b"].map((id) => client.cachedImageExists(id));
  await Promise.all([...exists, client.getImage(record), client.stats()]);
  assert.equal(opened.mock.callCount(), 1);
});

test("a database of another layout is left alone, reported, and breaks no image", async () => {
  const foreign = indexedDB.open("pixstore-asgi", 4);
  foreign.onupgradeneeded = () => foreign.result.createObjectStore("images");
  (await done(foreign)).close();
  const client = clientOf();
  assert.equal(await textOf(await client.getImage(server.save(ID, "image"))), "image");
  await assert.rejects(client.deleteCachedImage(ID), CacheError);
  await assert.rejects(client.clear(), CacheError);
  assert.equal(errors[0].reason, "failed");
  assert.deepEqual(await inspect("pixstore-asgi", ({ objectStoreNames }) => [...objectStoreNames]), ["images"]);
});

test("a failed write is reported, leaves nothing half-written, and the next one works", async (t) => {
  const record = server.save(ID, "image");
  const client = clientOf();
  let isBroken = true;
  patch(t, IDBObjectStore.prototype, "put", function put(original, ...args) {
    if (isBroken && this.name === "bytes") throw new DOMException("disk", "UnknownError");
    return original.apply(this, args);
  });
  assert.equal(await textOf(await client.getImage(record)), "image");
  assert.equal(await client.cachedImageExists(ID), false);
  assert.deepEqual(errors.map(({ reason, cause }) => [reason, cause.name]), [["failed", "UnknownError"]]);
  isBroken = false;
  await client.getImage(record);
  assert.equal(await client.cachedImageExists(ID), true);
});

test("the error of the request that failed is the cause, not the abort that follows from it", async (t) => {
  const client = clientOf();
  await client.getImage(server.save(ID, "image"));
  await client.cachedImageExists(ID);
  patch(t, IDBObjectStore.prototype, "put", function put(original, ...args) {
    return this.name === "bytes" ? this.add(...args) : original.apply(this, args);
  });
  await client.getImage(server.save(ID, "image", { token: 2 }));
  await client.cachedImageExists(ID);
  assert.deepEqual(errors.map(({ cause }) => cause.name), ["ConstraintError"]);
});

test("a failed eviction is reported, and the next write evicts", async (t) => {
  const client = clientOf({ cacheLimit: 1, cleanupBatch: 0 });
  await client.getImage(server.save("a", "image"));
  await client.cachedImageExists("a");
  let isBroken = true;
  patch(t, IDBObjectStore.prototype, "getAll", function getAll(original, ...args) {
    if (isBroken) throw new DOMException("disk", "UnknownError");
    return original.apply(this, args);
  });
  await client.getImage(server.save("b", "image"));
  assert.equal(await client.cachedImageExists("b"), false);
  isBroken = false;
  await client.getImage(server.save("c", "image"));
  assert.equal(await client.cachedImageExists("c"), true);
  assert.equal(await client.cachedImageExists("a"), false);
  assert.equal(errors.length, 1);
});

test("a full disk evicts a batch and the write is tried once more", async (t) => {
  const client = clientOf({ cacheLimit: 10, cleanupBatch: 1 });
  for (const id of ["a", "b", "c"]) {
    await client.getImage(server.save(id, "image"));
    await client.cachedImageExists(id);
  }
  patch(t, IDBObjectStore.prototype, "put", function put(original, ...args) {
    if (this.name === "bytes" && fakeUsage(this) >= 3) throw new DOMException("full", "QuotaExceededError");
    return original.apply(this, args);
  });
  await client.getImage(server.save("d", "image"));
  await client.cachedImageExists("d");
  assert.equal((await dump()).entries.length, 2);
  assert.equal(await client.cachedImageExists("d"), true);
  assert.deepEqual(errors, []);
});

/** How many values a store of fake-indexeddb holds at this moment. */
const fakeUsage = (store) => [...store._rawObjectStore.records.values()].length;

test("a delete that the storage fails rejects: the image may still be there", async (t) => {
  const client = clientOf();
  await client.getImage(server.save(ID, "image"));
  await client.cachedImageExists(ID);
  for (const method of ["delete", "clear"]) patch(t, IDBObjectStore.prototype, method, fail("UnknownError"));
  await assert.rejects(client.deleteCachedImage(ID), isCacheError("failed"));
  await assert.rejects(client.clear(), isCacheError("failed"));
  assert.equal(await client.cachedImageExists(ID), true);
});

test("a page full of cached images notes their use in a few transactions", async (t) => {
  // Of its own: a client of a test before may note a use as late as now.
  const client = clientOf({ databaseName: "full" });
  const records = Array.from({ length: 100 }, (_, index) => server.save(`image-${index}`, "image"));
  await Promise.all(records.map((record) => client.getImage(record)));
  while ((await dump("full")).entries.length < 100) await new Promise(setImmediate);
  let begun = 0;
  patch(t, IDBDatabase.prototype, "transaction", function transaction(original, ...args) {
    if (this.name === "full" && args[1] === "readwrite") begun += 1;
    return original.apply(this, args);
  });
  t.mock.timers.enable({ apis: ["setTimeout"] });
  await Promise.all(records.map((record) => client.getImage(record)));
  t.mock.timers.tick(2000);
  await client.cachedImageExists("image-99");
  assert.equal(server.requests.length, 100);
  assert.equal(begun, 1);
});
