/** Upkeep of memory and storage, and that nothing is left behind. */

import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";

import { IDBDatabase, IDBFactory, IDBObjectStore } from "fake-indexeddb";

import { createCache } from "../../js_client/src/cache/cache.js";
import { CacheError } from "../../js_client/src/index.js";
import { channels, pageEvents, setGlobal, settle, textOf, unhandled, until } from "./support/page.js";
import { createClient, errors, ID, isStored, name, server } from "./support/site.js";
import { dump, fail, noStorage, patch, transactions } from "./support/storage.js";

const LIMITS = { cacheLimit: 100, cacheBytes: 1_000_000, cleanupBatch: 0 };

const createOwnCache = (limits) =>
  createCache({ databaseName: name, namespace: "me", cache: "encrypted", ...LIMITS, ...limits });

const write = async (cache, id, token = 1) => cache.write(id, token, new Uint8Array(5), await cache.latestRemoval());

const storedIds = async () => (await dump(name)).entries.map(([[, id]]) => id);

const isCacheError = (cause) => (error) => error instanceof CacheError && error.cause?.name === cause;

/** Let `put` of one store do something else for the rest of a test. */
const putting = (t, store, replacement) =>
  patch(t, IDBObjectStore.prototype, "put", function put(original, ...args) {
    return (this.name === store ? replacement : original).apply(this, args);
  });

/** Put locks into the page and note which are asked for; where it `isHeld`, the next one is another tab's at first. */
function stubLocks(t) {
  const stub = { asked: [], isHeld: false };
  const locks = {
    async request(lock, { ifAvailable }, work) {
      stub.asked.push(lock);
      const isHeld = ifAvailable && stub.isHeld;
      stub.isHeld = false;
      return work(isHeld ? null : {});
    },
  };
  setGlobal(t, "navigator", { locks });
  // No client is alone for long enough to know it.
  t.mock.method(performance, "now", () => 0);
  return stub;
}

test("the image that was shown longest ago leaves the memory, not the one that was loaded first", async () => {
  const client = createClient({ cache: "memory", memoryBytes: 35 });
  const ids = ["a", "b", "c", "d", "e"];
  const [a, b, c, d, e] = ids.map((id) => server.save(id, "12345678"));
  for (const record of [a, b, c, d, a, e]) await client.getImage(record);
  const kept = await Promise.all(ids.map((id) => client.cachedImageExists(id)));
  assert.deepEqual(kept, [true, false, true, true, true]);
});

test("large images push one another out of the memory, and no small one while there is a large one left", async () => {
  const client = createClient({ cache: "memory", memoryBytes: 100 });
  const load = (id, size) => client.getImage(server.save(id, "x".repeat(size)));
  const kept = (ids) => Promise.all(ids.map((id) => client.cachedImageExists(id)));
  for (const id of ["small-1", "small-2"]) await load(id, 5);
  for (let index = 0; index < 12; index += 1) await load(`large-${index}`, 25);
  assert.deepEqual(await kept(["small-1", "small-2", "large-8", "large-9", "large-10", "large-11"]), [
    ...[true, true, false, true, true, true],
  ]);
  await load("too-large", 26);
  assert.deepEqual(await kept(["too-large", "small-1", "large-11"]), [false, true, true]);
  for (let index = 3; index < 30; index += 1) await load(`small-${index}`, 5);
  assert.deepEqual(await kept(["large-9", "large-10", "large-11"]), [false, false, false]);
  await load("large", 25);
  assert.equal((await client.stats()).memoryBytes, 100);
});

test("memoryBytes are counted exactly, through an update, a delete and a clear", async () => {
  const client = createClient({ cache: "memory" });
  const inMemory = async () => {
    const { memoryImages, memoryBytes } = await client.stats();
    return [memoryImages, memoryBytes];
  };
  for (const [token, image] of [[1, "12345"], [2, "1234567"]]) await client.getImage(server.save(ID, image, { token }));
  assert.deepEqual(await inMemory(), [1, 7]);
  await client.getImage(server.save("b", "123"));
  assert.deepEqual(await inMemory(), [2, 10]);
  await client.deleteCachedImage(ID);
  assert.deepEqual(await inMemory(), [1, 3]);
  await client.clear();
  assert.deepEqual(await inMemory(), [0, 0]);
  await client.getImage(server.save(ID, "1234", { token: 3 }));
  assert.deepEqual(await inMemory(), [1, 4]);
});

test("an old record finds the newer image that it has brought in memory, and so does the newer record", async () => {
  const [stale, fresh] = [1, 2].map((token) => server.save(ID, "new", { token }));
  const client = createClient();
  const image = await client.getImage(stale);
  await isStored(client);
  for (const record of [stale, fresh]) assert.equal(await client.getImage(record), image);
  const { hits, downloads } = await client.stats();
  assert.deepEqual([hits, downloads, server.requests.length], [2, 1, 1]);
});

test("an image out of storage is a hit, and no download", async () => {
  const record = server.save(ID, "image");
  const client = createClient({ memoryBytes: 0 });
  await client.getImage(record);
  await isStored(client);
  await client.getImage(record);
  const { hits, downloads } = await client.stats();
  assert.deepEqual([hits, downloads, server.requests.length], [1, 1, 1]);
});

test("an image that memory has shown counts as used: storage evicts another one", async () => {
  const client = createClient({ cacheLimit: 2, cleanupBatch: 0 });
  const [a, b, c] = ["a", "b", "c"].map((id) => server.save(id, "image"));
  for (const record of [a, b]) await client.getImage(record);
  await isStored(client, 2);
  await client.getImage(a);
  await client.getImage(c);
  await until(async () => (await storedIds()).includes("c"));
  assert.deepEqual(await storedIds(), ["a", "c"]);
});

test("a record with a wrong key spoils no other one that is asked for at once", async () => {
  const record = server.save(ID, "image");
  const wrong = { ...record, meta: { ...record.meta, key: Buffer.alloc(32).toString("base64") } };
  const client = createClient();
  const [first, second] = await Promise.allSettled([wrong, record].map((own) => client.getImage(own)));
  assert.equal(first.reason?.name, "DecryptError");
  assert.equal(await textOf(second.value), "image");
});

test("a signal that lives as long as the page has no listener left once its images are there", async () => {
  const { signal } = new AbortController();
  const listeners = () => getEventListeners(signal, "abort").length;
  const client = createClient({ memoryBytes: 0 });
  const records = Array.from({ length: 5 }, (_, index) => server.save(`image-${index}`, "image"));
  const images = [...records, { ...records[0], id: "gone" }].map((record) => client.getImage(record, { signal }));
  await Promise.allSettled(images);
  await settle();
  assert.equal(listeners(), 0);
});

test("Node.js warns of no leak where twelve images have one signal", async (t) => {
  const warnings = [];
  const note = ({ name: kind }) => warnings.push(kind);
  process.on("warning", note);
  t.after(() => process.off("warning", note));
  const { signal } = new AbortController();
  const client = createClient({ memoryBytes: 0 });
  const records = Array.from({ length: 12 }, (_, index) => server.save(`image-${index}`, "image"));
  await Promise.all(records.map((record) => client.getImage(record, { signal })));
  for await (const { error } of client.getImages(records, { signal })) assert.equal(error, undefined);
  await settle();
  assert.deepEqual(warnings, []);
});

test("a closed client leaves no channel and no listener, and its later removals open none", async (t) => {
  const page = pageEvents(t);
  const { open } = channels(t);
  const listeners = () => getEventListeners(page, "pageshow").length;
  const client = createClient();
  for (const id of [ID, "b"]) await client.getImage(server.save(id, "image"));
  await isStored(client, 2);
  assert.deepEqual([open.size, listeners()], [1, 1]);
  client.close();
  assert.deepEqual([open.size, listeners()], [0, 0]);
  assert.equal(await client.deleteCachedImage(ID), true);
  await client.clear();
  assert.deepEqual([open.size, listeners()], [0, 0]);
});

test("the client listens for the end of the page only while a use is not written yet", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const page = pageEvents(t);
  const listeners = () => ["pagehide", "visibilitychange"].map((type) => getEventListeners(page, type).length);
  const cache = createOwnCache();
  for (let round = 0; round < 2; round += 1) {
    for (let uses = 0; uses < 3; uses += 1) cache.touch(ID);
    assert.deepEqual(listeners(), [1, 1]);
    t.mock.timers.tick(2000);
    assert.deepEqual(listeners(), [0, 0]);
  }
});

test("a client can be closed before its first call, and twice", () => {
  const client = createClient();
  client.close();
  client.close();
});

test("an image stored by another tab is found after its message, without a download", async (t) => {
  const { opened } = channels(t);
  const [mine, other] = [createClient(), createClient()];
  await mine.getImage(server.save("own", "image"));
  await isStored(mine);
  let heard = 0;
  opened[0].addEventListener("message", ({ data }) => (heard += data.type === "stored"));
  const record = server.save(ID, "image");
  await other.getImage(record);
  await until(() => heard > 0);
  await mine.getImage(record);
  assert.equal(server.requests.length, 2);
});

test("an image downloaded by another tab meanwhile is found, even before its message arrives", async (t) => {
  class Silent {
    postMessage() {}
  }
  setGlobal(t, "BroadcastChannel", Silent);
  const stub = stubLocks(t);
  const [mine, other] = [createClient(), createClient()];
  await mine.getImage(server.save("own", "image"));
  await isStored(mine);
  const record = server.save(ID, "image");
  await other.getImage(record);
  await isStored(other, 2);
  stub.isHeld = true;
  await mine.getImage(record);
  assert.equal(stub.isHeld, false);
  assert.equal(server.requests.length, 2);
});

test("only a cache that leaves images in storage asks for a lock", async (t) => {
  const { asked } = stubLocks(t);
  const record = server.save(ID, "image");
  const counts = [];
  for (const cache of ["memory", "off", "decrypted", "encrypted"]) {
    await createClient({ cache }).getImage(record);
    counts.push(asked.splice(0).length);
  }
  assert.deepEqual(counts, [0, 0, 1, 1]);
});

test("in a page the storage is opened, and the other tabs listened to, before the first call", async (t) => {
  const { open } = channels(t);
  setGlobal(t, "document", {});
  createClient();
  await until(async () => (await indexedDB.databases()).length === 1);
  assert.equal(open.size, 1);
});

test("outside of a page nothing is opened before the first call", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { opened } = channels(t);
  createClient();
  t.mock.timers.tick(1000);
  await settle();
  assert.deepEqual([await indexedDB.databases(), opened], [[], []]);
});

test("a storage that can't be opened before the first call is no failure yet", async (t) => {
  const reasons = unhandled(t);
  let opened = 0;
  patch(t, IDBFactory.prototype, "open", () => {
    opened += 1;
    fail("SecurityError")();
  });
  setGlobal(t, "document", {});
  createClient();
  await until(() => opened === 1);
  await settle();
  assert.deepEqual([errors, reasons], [[], []]);
});

test("a delete and a clear where there is no storage resolve, and are reported", async () => {
  noStorage();
  const client = createClient();
  assert.equal(await client.deleteCachedImage(ID), false);
  assert.deepEqual(errors.splice(0).map(({ reason }) => reason), ["unavailable"]);
  await client.clear();
  assert.deepEqual(errors.map(({ reason }) => reason), ["unavailable"]);
});

test("the statistics of a client without storage are zeros", async () => {
  const zeros = { images: 0, bytes: 0, memoryImages: 0, memoryBytes: 0, hits: 0, downloads: 0 };
  assert.deepEqual(await createClient({ cache: "off" }).stats(), zeros);
  noStorage();
  assert.deepEqual(await createClient().stats(), zeros);
});

test("use is noted again after it was noted", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const cache = createOwnCache();
  await write(cache, ID);
  const begun = transactions(t);
  for (const notes of [1, 2]) {
    cache.touch(ID);
    t.mock.timers.tick(2000);
    await cache.has(ID);
    assert.equal(begun.filter(({ mode }) => mode === "readwrite").length, notes);
  }
});

test("a delete is strict also where the connection was closed without a word", async (t) => {
  const connections = new Set();
  patch(t, IDBDatabase.prototype, "transaction", function transaction(original, ...args) {
    connections.add(this);
    return original.apply(this, args);
  });
  const cache = createOwnCache();
  await write(cache, ID);
  connections.forEach((connection) => connection.close());
  const begun = transactions(t);
  assert.equal(await cache.remove(ID), true);
  assert.equal(connections.size, 2);
  assert.deepEqual(begun.map(({ durability }) => durability), ["strict", "strict"]);
});

test("the entries are read once, and not for every write", async (t) => {
  const lookedThrough = [];
  patch(t, IDBObjectStore.prototype, "getAll", function getAll(original, ...args) {
    lookedThrough.push(this.name);
    return original.apply(this, args);
  });
  const cache = createOwnCache();
  for (const id of ["a", "b", "c"]) await write(cache, id);
  assert.deepEqual(lookedThrough, ["entries"]);
});

test("a new cache can drop an image, and dropping a missing image does nothing", async () => {
  await write(createOwnCache(), ID);
  const cache = createOwnCache();
  await cache.drop(ID, 1);
  assert.deepEqual(await storedIds(), []);
  await cache.drop(ID, 1);
});

test("a failed note of a use fails no call", async (t) => {
  const reasons = unhandled(t);
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const cache = createOwnCache();
  await write(cache, ID);
  let tried = 0;
  putting(t, "entries", () => {
    tried += 1;
    fail("UnknownError")();
  });
  cache.touch(ID);
  t.mock.timers.tick(2000);
  await settle();
  assert.equal(tried, 1);
  assert.deepEqual(reasons, []);
});

test("an eviction that fails is a failure of the write, and of nothing else", async (t) => {
  const reasons = unhandled(t);
  const cache = createOwnCache({ cacheLimit: 1 });
  await write(cache, "a");
  patch(t, IDBObjectStore.prototype, "getAll", fail("UnknownError"));
  await assert.rejects(write(cache, "b"), isCacheError("UnknownError"));
  await settle();
  assert.deepEqual(reasons, []);
  assert.deepEqual([await cache.has("a"), await cache.has("b")], [true, false]);
});

test("a put that fails during an eviction is a failure of the write, and of nothing else", async (t) => {
  const reasons = unhandled(t);
  const cache = createOwnCache({ cacheLimit: 1 });
  await write(cache, "a");
  // There is one already: the request fails, while the eviction goes on.
  putting(t, "bytes", function put(...args) {
    return this.add(...args);
  });
  const writes = [write(cache, "a", 2), write(cache, "b")];
  for (const { reason } of await Promise.allSettled(writes)) assert.ok(isCacheError("ConstraintError")(reason));
  await settle();
  assert.deepEqual(reasons, []);
});

test("a transaction that is aborted without an error is a CacheError", async (t) => {
  const cache = createOwnCache();
  putting(t, "bytes", function put() {
    this.transaction.abort();
  });
  await assert.rejects(write(cache, ID), isCacheError(undefined));
});

test("a closed client leaves no worker and no connection, and its later calls leave none", async (t) => {
  const open = new Set();
  patch(t, IDBFactory.prototype, "open", function note(original, ...args) {
    const request = original.apply(this, args);
    request.addEventListener("success", () => open.add(request.result));
    return request;
  });
  patch(t, IDBDatabase.prototype, "close", function note(original) {
    open.delete(this);
    original.call(this);
  });
  const workers = [];
  setGlobal(t, "Worker", class {
    constructor(url) {
      this.url = url;
      workers.push(this);
    }

    terminate() {
      this.isEnded = true;
    }
  });
  const large = server.save("large", Buffer.alloc(1_000_000));
  const client = createClient({ memoryBytes: 0 });
  for (const record of [large, server.save(ID, "image")]) await client.getImage(record);
  await isStored(client, 2);
  await client.getImage(large);
  assert.deepEqual([open.size, workers.length], [1, 1]);
  assert.equal(workers[0].url.href, new URL("../../js_client/src/pixstore-worker.js", import.meta.url).href);
  client.close();
  await until(() => open.size === 0);
  assert.equal(workers[0].isEnded, true);
  assert.equal(await client.deleteCachedImage(ID), true);
  await until(() => open.size === 0);
});

test("closing a client writes the noted uses at once, and nothing opens the storage later", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const cache = createOwnCache();
  await write(cache, ID);
  const [[, { lastUsed }]] = (await dump(name)).entries;
  cache.touch(ID);
  const begun = transactions(t);
  cache.close();
  t.mock.timers.tick(2000);
  await settle();
  assert.equal(begun.length, 1);
  assert.ok((await dump(name)).entries[0][1].lastUsed > lastUsed);
});

test("where the other tab has stored nothing the image is downloaded, without a second wait", async (t) => {
  t.mock.method(performance, "now", () => 0);
  const asked = [];
  const request = async (lock, { ifAvailable }, work) => {
    asked.push(ifAvailable ? "claim" : "wait");
    return work(ifAvailable ? null : {});
  };
  setGlobal(t, "navigator", { locks: { request } });
  await createClient().getImage(server.save(ID, "image"));
  assert.deepEqual(asked, ["claim", "wait"]);
});

test("images that waited for one tab go on together where it dies", async (t) => {
  t.mock.method(performance, "now", () => 0);
  const ends = [];
  const request = (lock, { ifAvailable }, work) =>
    ifAvailable ? Promise.resolve(work(null)) : new Promise((resolve) => ends.push(resolve));
  setGlobal(t, "navigator", { locks: { request } });
  const client = createClient();
  await client.stats();
  const images = ["a", "b", "c"].map((id) => client.getImage(server.save(id, id)));
  await until(() => ends.length === 3);
  const begun = transactions(t);
  // However slow the machine is, all three are within the pause that gathers them.
  t.mock.timers.enable({ apis: ["setTimeout"] });
  for (const end of ends) {
    end();
    await new Promise(setImmediate);
  }
  t.mock.timers.tick(1_000);
  t.mock.timers.reset();
  await Promise.all(images);
  assert.equal(begun.filter(({ mode }) => mode === "readonly").length, 1);
});

test("a tab that is alone does not wait for its claim, and gives it back when it comes", async (t) => {
  let now = 0;
  t.mock.method(performance, "now", () => now);
  const [claims, ends] = [[], []];
  const request = (lock, options, work) => new Promise((resolve) => claims.push(() => resolve(work({}))));
  const counted = (...args) => request(...args).then(() => ends.push("released"));
  setGlobal(t, "navigator", { locks: { request: counted } });
  const [alone] = [createClient()];
  await alone.deleteCachedImage("other");
  now = 1000;
  assert.equal(await textOf(await alone.getImage(server.save(ID, "image"))), "image");
  await isStored(alone);
  assert.deepEqual([claims.length, ends.length], [1, 0]);
  claims[0]();
  await until(() => ends.length === 1);
});

test("a tab that hears of another one waits for its claim, in either order of their start", async (t) => {
  let now = 0;
  t.mock.method(performance, "now", () => now);
  const claims = [];
  const request = (lock, options, work) => new Promise((resolve) => claims.push(() => resolve(work({}))));
  setGlobal(t, "navigator", { locks: { request } });
  const { opened } = channels(t);
  const clients = [createClient({ memoryBytes: 0 }), createClient({ memoryBytes: 0 })];
  const heard = new Set();
  for (const client of clients) {
    const joined = client.deleteCachedImage("other");
    opened.at(-1).addEventListener("message", ({ target }) => heard.add(target));
    await joined;
  }
  await until(() => heard.size === 2);
  now = 1000;
  const images = clients.map((client, index) => client.getImage(server.save(`image-${index}`, "image")));
  await until(() => claims.length === 2);
  await settle();
  assert.equal(server.requests.length, 0);
  for (const grant of claims) grant();
  await Promise.all(images);
});

test("a message that is none of ours ends nothing", async (t) => {
  const { opened } = channels(t);
  const client = createClient();
  await client.getImage(server.save(ID, "image"));
  for (const data of [null, undefined, 7, "stored", {}]) opened[0].onmessage({ data });
  assert.equal(await textOf(await client.getImage(server.save(ID, "image"))), "image");
});
