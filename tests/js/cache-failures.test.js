/** The image cache without storage, with failing storage, and with damaged content. */

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { IDBDatabase, IDBFactory, IDBObjectStore } from "fake-indexeddb";

import { CacheError } from "../../js_client/src/errors.js";
import { createClient } from "../../js_client/src/index.js";
import { done, dump, emptyStorage, fail, noStorage, overwrite, patch, transactions } from "./support/storage.js";
import { NAME, ID, cacheOf, image, write, idsIn } from "./support/cache.js";

beforeEach(emptyStorage);

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

test("a removal fails after three seconds if the browser never reports the end of its transaction", async (t) => {
  // Chromium, if Clear-Site-Data removes the database during the transaction.
  const cache = cacheOf();
  await write(cache, ID);
  let ended = 0;
  const set = () => {};
  patch(t, IDBDatabase.prototype, "transaction", function silent(original, ...args) {
    const transaction = original.apply(this, args);
    transaction.addEventListener("complete", () => (ended += 1));
    return Object.defineProperties(transaction, { oncomplete: { set }, onabort: { set } });
  });
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const outcome = cache.clear().then(() => "done", (error) => error);
  while (!ended) await new Promise(setImmediate);
  t.mock.timers.tick(3000);
  const error = await outcome;
  assert.ok(error instanceof CacheError && error.reason === "failed", error);
});

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
    assert.equal(await cache.read(ID, 1), undefined);
    const client = createClient({ cache: kind });
    assert.deepEqual([await client.cachedImageExists(ID), await client.deleteCachedImage(ID)], [false, false]);
    const { images, bytes } = await client.stats();
    assert.deepEqual({ images, bytes }, { images: 0, bytes: 0 });
  });
}
