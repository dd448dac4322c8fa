/** The image cache by itself, on an IndexedDB of its own. */

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { IDBFactory, IDBObjectStore } from "fake-indexeddb";

import { createCache } from "../../js_client/src/cache/cache.js";
import { risingTime } from "../../js_client/src/cache/last-used.js";
import { CacheError } from "../../js_client/src/errors.js";
import { pageEvents, setGlobal } from "./support/page.js";
import { done, dump, emptyStorage, fail, noStorage, overwrite, patch, transactions } from "./support/storage.js";

const NAME = "images";
const ID = "players:abc";

beforeEach(emptyStorage);

const cacheOf = (options = {}) =>
  createCache({
    databaseName: NAME,
    namespace: "me",
    cache: "encrypted",
    cacheLimit: 100,
    cacheBytes: 1_000_000,
    cleanupBatch: 0,
    ...options,
  });

const bytesOf = (text) => new Uint8Array(Buffer.from(text));
const image = bytesOf("image");
/** Write as after a download that has begun just now, or after the removal `since`. */
const write = async (cache, id, { token = 1, bytes = image, since } = {}) =>
  cache.write(id, token, bytes, since ?? (await cache.latestRemoval()));

const idsIn = async (store = "entries") => (await dump(NAME))[store].map(([key]) => key[1]);

/** Note the calls of the stores' methods during a test: [[method, store], …]. */
function watched(t, ...methods) {
  const calls = [];
  for (const method of methods) {
    patch(t, IDBObjectStore.prototype, method, function note(original, ...args) {
      calls.push([method, this.name]);
      return original.apply(this, args);
    });
  }
  return calls;
}

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

test("damaged bytes are misses, damaged entries do no harm, and a write repairs both", async () => {
  const { namespace, id, ...rest } = { namespace: "me", id: ID, token: 1, kind: "encrypted", size: 5, lastUsed: 1 };
  const images = [new Uint8Array(4), "image", { size: 5 }, null, new Blob(["imag"]), new Uint16Array(5)];
  const about = [{ size: "5" }, { token: "1" }, { kind: 7 }].map((change) => ({ ...rest, image, ...change }));
  for (const damaged of [...images.map((other) => ({ ...rest, image: other })), ...about, image, "image", null]) {
    await write(cacheOf(), ID);
    await overwrite("bytes", ["me", ID], damaged, NAME);
    assert.equal(await cacheOf().read(ID, 1), undefined);
  }
  const changes = [{ size: "5" }, { size: NaN, lastUsed: "now" }, { token: "1" }, { kind: 7, size: -1 }];
  for (const damaged of [{}, ...changes.map((change) => ({ ...rest, ...change }))]) {
    await write(cacheOf(), ID);
    await overwrite("entries", undefined, { namespace, id, ...damaged }, NAME);
    assert.deepEqual(await cacheOf().read(ID, 1), image);
    const cache = cacheOf({ cacheLimit: 1 });
    await cache.stats();
    await write(cache, "b");
  }
  await write(cacheOf(), ID);
  assert.deepEqual(await cacheOf().read(ID, 1), image);
});

test("bytes that the storage can't read are a miss of this image alone", async (t) => {
  const cache = cacheOf();
  for (const id of ["a", "b"]) await write(cache, id);
  patch(t, IDBObjectStore.prototype, "get", function get(original, key) {
    if (this.name === "bytes" && key[1] === "a") return original.call(this, "no such key");
    return original.call(this, key);
  });
  assert.deepEqual(await Promise.all(["a", "b"].map((id) => cache.read(id, 1))), [undefined, image]);
});

test("a request that fails aborts no other one of its transaction", async (t) => {
  const cache = cacheOf();
  for (const id of ["a", "b"]) await write(cache, id);
  let prevented = 0;
  patch(t, IDBObjectStore.prototype, "get", function get(original, key) {
    if (this.name !== "bytes" || key[1] !== "a") return original.call(this, key);
    const request = { error: new DOMException("damaged", "DataError") };
    queueMicrotask(() => request.onerror({ preventDefault: () => (prevented += 1) }));
    return request;
  });
  assert.deepEqual(await Promise.all(["a", "b"].map((id) => cache.read(id, 1))), [undefined, image]);
  assert.equal(prevented, 1);
});

test("namespaces do not see each other, and clear empties one alone", async () => {
  const [mine, other] = [cacheOf(), cacheOf({ namespace: "other" })];
  for (const cache of [mine, other]) await write(cache, ID);
  assert.equal(await cacheOf({ namespace: "third" }).has(ID), false);
  await mine.clear();
  assert.equal(await mine.has(ID), false);
  assert.deepEqual(await other.read(ID, 1), image);
  assert.deepEqual([await mine.stats(), await other.stats()], [{ images: 0, bytes: 0 }, { images: 1, bytes: 5 }]);
  assert.equal(await other.remove(ID), true);
});

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

test("a hit reads one record and opens one store", async (t) => {
  await write(cacheOf(), ID);
  const cache = cacheOf();
  await cache.has(ID);
  const [begun, calls] = [transactions(t), watched(t, "get", "getAll", "count")];
  assert.deepEqual(await cache.read(ID, 1), image);
  assert.deepEqual([begun.map(({ stores }) => stores), calls], [[["bytes"]], [["get", "bytes"]]]);
});

/** Keep a transaction of another tab open until the function that this gives is called. */
async function holdStorage() {
  await cacheOf().has(ID);
  const connection = await done(indexedDB.open(NAME));
  const objects = connection.transaction(["entries", "bytes"], "readwrite").objectStore("bytes");
  let isHeld = true;
  const goOn = () => {
    if (isHeld) objects.get("").onsuccess = goOn;
    else connection.close();
  };
  goOn();
  return () => (isHeld = false);
}

for (const [name, act] of [
  ["clear", (cache) => cache.clear()],
  ["remove", (cache) => cache.remove(ID)],
  ["write", (cache) => write(cache, "late", { bytes: new Uint8Array(500_000) })],
]) {
  test(`${name} waits three seconds for another tab's transaction, then fails, and is not done later`, async (t) => {
    const cache = cacheOf();
    await write(cache, ID);
    const release = await holdStorage();
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const begun = transactions(t);
    const outcome = act(cache).then(() => "done", (error) => error);
    while (!begun.length) await new Promise(setImmediate);
    t.mock.timers.tick(3000);
    const error = await outcome;
    assert.ok(error instanceof CacheError && error.reason === "failed", error);
    release();
    assert.deepEqual(await idsIn(), [ID]);
    assert.equal(begun.filter(({ mode }) => mode === "readwrite").length, 1);
  });
}

test("a removal opens storage that could not be opened before, and only a missing or forbidden one is no failure", async (t) => {
  let failure;
  patch(t, IDBFactory.prototype, "open", function open(original, ...args) {
    if (!failure) return original.apply(this, args);
    const request = { error: new DOMException(...failure) };
    queueMicrotask(() => request.onerror());
    return request;
  });
  const cache = cacheOf();
  for (const [reason, ...error] of [
    ["unavailable", "insecure", "SecurityError"],
    ["unavailable", "The user denied permission to access the database.", "UnknownError"],
    ["failed", "Internal error opening backing store for indexedDB.open.", "UnknownError"],
    ["failed", "mutation is not allowed", "InvalidStateError"],
  ]) {
    failure = error;
    await assert.rejects(cache.clear(), (cause) => cause instanceof CacheError && cause.reason === reason, error[0]);
  }
  failure = undefined;
  await cache.clear();
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

test("a delete wins over a write if the download began before it, also in another tab", async () => {
  const [mine, other] = [cacheOf(), cacheOf()];
  for (const forget of [() => other.remove(ID), () => mine.remove(ID), () => other.clear(), () => mine.clear()]) {
    const since = await mine.latestRemoval();
    await forget();
    await write(mine, ID, { since });
    assert.equal(await mine.has(ID), false);
    await write(mine, ID);
    assert.equal(await mine.has(ID), true);
  }
});

test("a delete of one image, or in one namespace, refuses no other", async () => {
  const cache = cacheOf();
  const since = await cache.latestRemoval();
  await cache.remove("other");
  await cache.remove(`${ID}~thumb`);
  await cacheOf({ namespace: "other" }).clear();
  const late = [ID, `${ID}~thumb2`, "others~thumb"].map((id) => write(cache, id, { since }));
  await Promise.all([...late, write(cache, "other")]);
  assert.deepEqual(await idsIn(), [ID, `${ID}~thumb2`, "other", "others~thumb"].sort());
});

test("a delete of an image refuses variants if their downloads began before it, and removes the stored ones", async () => {
  const cache = cacheOf();
  const since = await cache.latestRemoval();
  for (const id of [ID, `${ID}~thumb`, `${ID}-`, `${ID}-~thumb`]) await write(cache, id);
  assert.equal(await cache.remove(ID), true);
  await Promise.all([ID, `${ID}~thumb`, `${ID}~0`].map((id) => write(cache, id, { since })));
  for (const store of ["entries", "bytes"]) assert.deepEqual(await idsIn(store), [`${ID}-`, `${ID}-~thumb`]);
  await write(cache, `${ID}~thumb`);
  assert.equal(await cache.has(`${ID}~thumb`), true);
});

test("clocks have no say in which of a removal and a download comes first", async (t) => {
  const [mine, other] = [cacheOf(), cacheOf()];
  let ahead = 0;
  t.mock.method(Date, "now", () => 4e12 + ahead);
  for (const step of [60_000, -60_000]) {
    for (const remove of [() => other.clear(), () => other.remove(ID)]) {
      const since = await mine.latestRemoval();
      ahead += step;
      await remove();
      await write(mine, ID, { since });
      assert.equal(await mine.has(ID), false);
      mine.forget();
    }
  }
});

test("a download that began before its database was deleted is not kept in the new one", async () => {
  const cache = cacheOf();
  const since = await cache.latestRemoval();
  await done(indexedDB.deleteDatabase(NAME));
  assert.equal(await cache.has(ID), false);
  assert.notEqual(await cache.latestRemoval(), since);
  await write(cache, ID, { since });
  assert.equal(await cache.has(ID), false);
  await write(cache, ID);
  assert.equal(await cache.has(ID), true);
});

test("a hundred removals are known, a download during more is not kept, and after a clear no removed id is left", async () => {
  const cache = cacheOf();
  const since = await cache.latestRemoval();
  for (let index = 0; index < 99; index += 1) await cache.remove(`image-${index}`);
  await write(cache, ID, { since });
  assert.equal(await cache.has(ID), true);
  await cache.remove("image-99");
  await write(cache, "b", { since });
  assert.equal(await cache.has("b"), false);
  assert.equal((await dump(NAME)).deleted[0][1].length, 100);
  await cacheOf({ namespace: "other" }).remove("theirs");
  await cache.clear();
  const text = JSON.stringify((await dump(NAME)).deleted);
  assert.deepEqual([text.includes("image-"), text.includes("theirs")], [false, true]);
});

test("the latest removal is read once, and again only after another tab has changed the storage", async (t) => {
  const cache = cacheOf();
  await write(cache, ID);
  await cache.latestRemoval();
  const begun = transactions(t);
  for (let index = 0; index < 3; index += 1) await cache.latestRemoval();
  for (let index = 0; index < 3; index += 1) await cache.read(ID, 1);
  assert.deepEqual(begun.map(({ stores }) => stores), [["bytes"], ["bytes"], ["bytes"]]);
  cache.forget();
  await cache.latestRemoval();
  assert.equal(begun.length, 4);
});

test("used images have an order within a millisecond too, near the time of day", (t) => {
  t.mock.method(Date, "now", () => 5e12);
  const times = [1, 2, 3, 4].map(() => risingTime());
  assert.ok(times.every((time, index) => index === 0 || time > times[index - 1]));
  assert.ok(Math.abs(times[3] - 5e12) < 1);
});

test("drop removes a version only while it is the cached one, and remove tells whether there was one", async () => {
  const cache = cacheOf();
  await write(cache, ID, { token: 2 });
  await cache.drop(ID, 1);
  assert.equal(await cache.has(ID), true);
  await cache.drop(ID, 2);
  assert.equal(await cache.has(ID), false);
  await write(cache, ID, { token: 2 });
  assert.deepEqual([await cache.remove(ID), await cache.remove(ID)], [true, false]);
  assert.deepEqual((await dump(NAME)).bytes, []);
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

test("without storage every call fails at once, and only removals try to open it before five seconds are over", async (t) => {
  let now = 1000;
  t.mock.method(performance, "now", () => now);
  let opened = 0;
  patch(t, IDBFactory.prototype, "open", function open(original, ...args) {
    opened += 1;
    if (now < 6000) fail("SecurityError")();
    return original.apply(this, args);
  });
  const cache = cacheOf();
  const isUnavailable = (error) => error instanceof CacheError && error.reason === "unavailable";
  const calls = [() => cache.read(ID, 1), () => write(cache, ID), () => cache.has(ID), () => cache.remove(ID)];
  for (const call of [...calls, () => cache.clear(), () => cache.stats(), () => cache.drop(ID, 1)]) {
    await assert.rejects(call(), isUnavailable);
  }
  assert.equal(opened, 3);
  now = 6000;
  await write(cache, ID);
  assert.equal(await cache.has(ID), true);
  assert.equal(opened, 4);
});

test("a page without IndexedDB at all gets the same error", async () => {
  noStorage();
  await assert.rejects(cacheOf().read(ID, 1), (error) => error.reason === "unavailable");
});

test("the stores of an older layout are thrown away, and no others", async () => {
  const old = indexedDB.open(NAME, 1);
  old.onupgradeneeded = () => {
    old.result.createObjectStore("entries", { keyPath: "id" }).put({ id: ID, token: 1 });
    old.result.createObjectStore("the page's own").put("value", "key");
  };
  (await done(old)).close();
  const cache = cacheOf();
  assert.equal(await cache.has(ID), false);
  await write(cache, ID);
  const stores = await dump(NAME);
  assert.deepEqual(Object.keys(stores), ["bytes", "changed", "deleted", "entries", "the page's own"]);
  assert.deepEqual(stores["the page's own"], [["key", "value"]]);
});

for (const kind of ["memory", "off"]) {
  test(`cache: "${kind}" keeps nothing and opens nothing`, async (t) => {
    patch(t, IDBFactory.prototype, "open", () => assert.fail("opened"));
    const cache = cacheOf({ cache: kind });
    await write(cache, ID);
    cache.touch(ID);
    cache.forget();
    await cache.drop(ID, 1);
    await cache.clear();
    assert.deepEqual([await cache.read(ID, 1), await cache.has(ID), await cache.remove(ID)], [undefined, false, false]);
    assert.deepEqual(await cache.stats(), { images: 0, bytes: 0 });
  });
}
