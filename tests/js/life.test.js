/** The life of a record in the client: its proof expires, its caller leaves, its time is up; and images in memory. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { IDBObjectStore } from "fake-indexeddb";

import { FetchError, RecordError, RefusedError, WireState } from "../../js_client/src/index.js";
import { gate, pageEvents, setGlobal, textOf, until } from "./support/page.js";
import { recordOf, updatedPayload } from "./support/server.js";
import { createClient, ID, memoryImages, server } from "./support/site.js";
import { fail, noStorage, patch } from "./support/storage.js";

/** A fetcher of the server that refuses every proof but one. */
const onlyFor = (proof) => async (record, context) => {
  const body = await server.fetcher(record, context);
  return record.statelessProof === proof ? body : Uint8Array.of(WireState.InvalidProof);
};

const never = () => new Promise(() => {});

/** Give the page a lock manager for the rest of one test, and a client no time to know that it is alone. */
function stubLocks(t, request) {
  setGlobal(t, "navigator", { locks: { request } });
  t.mock.method(performance, "now", () => 0);
}

test("an expired proof asks refreshRecord, once, and the fresh record gives the image", async () => {
  const record = server.save(ID, "image");
  const asked = [];
  const refreshRecord = async (...args) => {
    asked.push(args);
    return { ...record, statelessProof: "fresh" };
  };
  const client = createClient({ refreshRecord }, onlyFor("fresh"));
  assert.equal(await textOf(await client.getImage(record, { context: "mine" })), "image");
  assert.deepEqual(asked, [[ID, "mine"]]);
});

test("a fresh record that is refused too is the end", async () => {
  const record = server.save(ID, "image");
  let asked = 0;
  const refreshRecord = async () => {
    asked += 1;
    return record;
  };
  const isInvalidProof = (error) => error instanceof RefusedError && error.reason === "InvalidProof";
  await assert.rejects(createClient({}, onlyFor("none")).getImage(record, { refreshRecord }), isInvalidProof);
  assert.equal(asked, 1);
});

test("a proof that is about to expire is not even sent, and where nothing refreshes it, it is", async () => {
  const record = { ...server.save(ID, "image"), proofExpiresAt: Date.now() + 100 };
  const fresh = { ...record, proofExpiresAt: Date.now() + 30_000 };
  const client = createClient({ cache: "off" });
  await client.getImage(record, { refreshRecord: () => fresh });
  await new Promise(setImmediate);
  await client.getImage(record);
  assert.deepEqual(server.requests.map((request) => request.record), [fresh, record]);
});

test("a clock that is wrong costs one refresh, and no image", async () => {
  const record = { ...server.save(ID, "image"), proofExpiresAt: 1 };
  const client = createClient({ cache: "off" });
  assert.equal(await textOf(await client.getImage(record, { refreshRecord: () => ({ ...record }) })), "image");
  assert.equal(server.requests.length, 1);
});

test("the error of refreshRecord reaches the caller, and the record of another image is refused", async () => {
  const record = server.save(ID, "image");
  const { getImage } = createClient({}, onlyFor("none"));
  const failure = new Error("signed out");
  await assert.rejects(getImage(record, { refreshRecord: () => Promise.reject(failure) }), (error) => error === failure);
  const other = server.save("other", "image");
  await assert.rejects(getImage(record, { refreshRecord: () => other }), RecordError);
});

test("a signal ends its own call, and the request only if no other call waits", async () => {
  const record = server.save(ID, "image");
  const signals = [];
  const { open: arrive, passed: arrived } = gate();
  const { getImage } = createClient({}, async (own, context, { signal }) => {
    signals.push(signal);
    await arrived;
    return server.fetcher(own);
  });
  const [leaver, other] = [new AbortController(), new AbortController()];
  const left = getImage(record, { signal: leaver.signal });
  const stays = getImage(record, { signal: other.signal });
  await until(() => signals.length === 1);
  leaver.abort(new Error("not shown any more"));
  await assert.rejects(left, /not shown any more/);
  assert.equal(signals[0].aborted, false);
  arrive();
  assert.equal(await textOf(await stays), "image");
  await assert.rejects(getImage(record, { signal: leaver.signal }), /not shown any more/);
  assert.equal(signals.length, 1);
});

test("the request is aborted when the last caller leaves, and a later call starts anew", async () => {
  const record = server.save(ID, "image");
  let [isFirst, seen] = [true, undefined];
  const { getImage } = createClient({}, (own, context, { signal }) => {
    if (!isFirst) return server.fetcher(own);
    isFirst = false;
    seen = signal;
    return never();
  });
  const controller = new AbortController();
  const image = getImage(record, { signal: controller.signal });
  await until(() => seen);
  controller.abort();
  await assert.rejects(image, { name: "AbortError" });
  assert.equal(seen.aborted, true);
  assert.equal(await textOf(await getImage(record)), "image");
});

test("an image that doesn't come in time is a FetchError that says so", async () => {
  const { getImage } = createClient({ timeoutMs: 30 }, never);
  // The limit's own timer keeps no program alive.
  const alive = setTimeout(() => {}, 1000);
  const isLate = (error) => error instanceof FetchError && /within 30 ms/.test(error.message);
  await assert.rejects(getImage(server.save(ID, "image")), isLate);
  clearTimeout(alive);
});

test("callers with records or contexts of their own share a failure that is not theirs alone, or try with their own", async () => {
  const record = server.save(ID, "image");
  const of = (statelessProof) => ({ ...record, statelessProof });
  const failing = createClient({ retries: 0 }, async (own) => {
    server.requests.push(own);
    throw new FetchError("the network failed");
  });
  const calls = ["a", "b", "c"].map((context) => failing.getImage(record, { context }));
  assert.deepEqual((await Promise.allSettled(calls)).map(({ status }) => status), ["rejected", "rejected", "rejected"]);
  assert.equal(server.requests.splice(0).length, 1);

  const { getImage } = createClient({}, onlyFor("good"));
  const answers = await Promise.allSettled(["old", "good", "older"].map((proof) => getImage(of(proof))));
  assert.deepEqual(answers.map(({ status }) => status), ["rejected", "fulfilled", "fulfilled"]);
  assert.equal(server.requests.length, 2);
});

test("a context that is no number is the same context: its failure is final", async () => {
  const { getImage } = createClient({}, onlyFor("none"));
  await assert.rejects(getImage(server.save(ID, "image"), { context: NaN }), { name: "RefusedError" });
  assert.equal(server.requests.length, 1);
});

test("callers with contexts of their own share a failure that no context helps against", async () => {
  const record = server.save(ID, "image");
  const answers = {
    RefusedError: () => Promise.reject(new RefusedError("signed out", { status: 403, reason: "authorize" })),
    ServerError: async () => Uint8Array.of(WireState.InternalError),
    NotFoundError: async () => Uint8Array.of(WireState.NotFound),
    ConfigError: async () => "no bytes",
  };
  for (const [name, answer] of Object.entries(answers)) {
    let asked = 0;
    const { getImage } = createClient({ retries: 0 }, () => {
      asked += 1;
      return answer();
    });
    const outcomes = await Promise.allSettled(["a", "b", "c"].map((context) => getImage(record, { context })));
    assert.deepEqual(outcomes.map(({ reason }) => reason?.name), [name, name, name]);
    assert.equal(asked, 1, name);
  }
});

test("a caller who tries with a record of its own can still leave, and the request ends", async () => {
  const record = server.save(ID, "image");
  const signals = [];
  const { getImage } = createClient({}, async (own, context, { signal }) => {
    if (own.statelessProof === "old") return Uint8Array.of(WireState.InvalidProof);
    signals.push(signal);
    return never();
  });
  const controller = new AbortController();
  const refused = getImage({ ...record, statelessProof: "old" });
  const left = getImage(record, { signal: controller.signal });
  await assert.rejects(refused, RefusedError);
  await until(() => signals.length === 1);
  controller.abort();
  await assert.rejects(left, { name: "AbortError" });
  assert.equal(signals[0].aborted, true);
});

test("a fetcher that ignores its signal holds no lock", async (t) => {
  const held = new Set();
  stubLocks(t, async (name, options, work) => {
    held.add(name);
    await work({});
    held.delete(name);
  });
  const controller = new AbortController();
  const image = createClient({}, never).getImage(server.save(ID, "image"), { signal: controller.signal });
  await until(() => held.size === 1);
  controller.abort();
  await assert.rejects(image, { name: "AbortError" });
  await until(() => held.size === 0);
});

test("where the browser refuses locks, as in a sandboxed frame, the image still comes", async (t) => {
  stubLocks(t, async () => {
    throw new DOMException("no locks here", "SecurityError");
  });
  const { getImage } = createClient();
  assert.equal(await textOf(await getImage(server.save(ID, "image"))), "image");
});

test("a caller who leaves while another tab downloads the image causes no request", async (t) => {
  let isWaiting = false;
  stubLocks(t, (name, { ifAvailable, signal }, work) => {
    if (ifAvailable) return Promise.resolve(work(null));
    isWaiting = true;
    return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  });
  const controller = new AbortController();
  const image = createClient().getImage(server.save(ID, "image"), { signal: controller.signal });
  await until(() => isWaiting);
  controller.abort();
  await assert.rejects(image, { name: "AbortError" });
  await new Promise(setImmediate);
  assert.equal(server.requests.length, 0);
});

test("an older version than the record's is shown and not kept; one that updates to itself is refused", async () => {
  const newer = server.save(ID, "new", { token: 9 });
  server.save(ID, "old", { token: 7 });
  const client = createClient();
  for (let count = 0; count < 2; count += 1) assert.equal(await textOf(await client.getImage(newer)), "old");
  assert.equal(server.requests.length, 2);
  assert.equal(await client.cachedImageExists(ID), false);
  const { getImage } = createClient({}, async (record) => updatedPayload({ ...server.version(ID), token: record.token }));
  await assert.rejects(getImage(newer), { name: "WireError" });
});

test("an onProgress that throws is the page's error and breaks no image", async (t) => {
  const tasks = [];
  t.mock.method(globalThis, "queueMicrotask", (task) => tasks.push(task));
  const onProgress = () => {
    throw new Error("the page's own");
  };
  const body = await server.fetcher(server.save(ID, "image"));
  t.mock.method(globalThis, "fetch", async () => new Response(body, { headers: { "content-length": body.length } }));
  const { getImage } = createClient({ endpoint: "https://img.example.org/i" }, null);
  assert.equal(await textOf(await getImage(recordOf(ID, server.version(ID)), { onProgress })), "image");
  // Others are fetch's own.
  const outcomes = await Promise.allSettled(tasks.map(async (task) => task()));
  assert.ok(outcomes.some(({ reason }) => /the page's own/.test(reason?.message)));
});

test("clear and delete reach the other tabs' memory also where the storage fails", async (t) => {
  const records = ["a", "b"].map((id) => server.save(id, id));
  const [mine, other] = [createClient(), createClient()];
  for (const record of records) await other.getImage(record);
  await mine.getImage(records[0]);
  patch(t, IDBObjectStore.prototype, "delete", fail("UnknownError"));
  await assert.rejects(mine.deleteCachedImage("a"), { name: "CacheError" });
  await until(async () => (await memoryImages(other)) === 1);
  await assert.rejects(mine.clear(), { name: "CacheError" });
  await until(async () => (await memoryImages(other)) === 0);
});

test("a page that the browser had put away comes back with nothing in memory", async (t) => {
  const page = pageEvents(t);
  const client = createClient();
  await client.getImage(server.save(ID, "image"));
  const cameBack = (persisted) => page.dispatchEvent(Object.assign(new Event("pageshow"), { persisted }));
  cameBack(false);
  assert.equal(await memoryImages(client), 1);
  cameBack(true);
  assert.equal(await memoryImages(client), 0);
});

test("a closed client refuses every call and has nothing in memory; cached images and other clients stay", async () => {
  const [closed, other] = [createClient(), createClient()];
  const record = server.save(ID, "image");
  await closed.getImage(record);
  await until(() => other.cachedImageExists(ID));
  const waiting = other.getImage(server.save("b", "b"));
  closed.close();
  const { memoryImages, images } = await closed.stats();
  assert.deepEqual([memoryImages, images], [0, 1]);
  await assert.rejects(closed.getImage(record), { name: "AbortError" });
  assert.equal(await textOf(await waiting), "b");
});

test("closing a client ends its loads", async () => {
  const client = createClient({}, never);
  const image = client.getImage(server.save(ID, "image"));
  client.close();
  await assert.rejects(image, { name: "AbortError" });
});

test("clear ends all loads and keeps nothing of them", async () => {
  const client = createClient({}, never);
  const ends = assert.rejects(client.getImage(server.save(ID, "image")), { name: "AbortError" });
  await client.clear();
  await ends;
  assert.equal(await client.cachedImageExists(ID), false);
});

test("getImages yields each image as it is ready, and a failure among them", async () => {
  const records = ["a", "b", "c"].map((id) => server.save(id, id));
  const gone = { ...records[2], id: "gone" };
  const { open, passed } = gate();
  const slow = async (record) => {
    if (record.id === "a") await passed;
    return server.fetcher(record);
  };
  const found = [];
  for await (const { record, blob, error } of createClient({}, slow).getImages([records[0], gone, records[1]])) {
    found.push([record.id, blob ? await textOf(blob) : error.name]);
    if (record.id === "b") open();
  }
  assert.deepEqual(found, [["gone", "NotFoundError"], ["b", "b"], ["a", "a"]]);
});

test("a loop of getImages that is slow gets all that is ready meanwhile", async () => {
  const records = ["a", "b", "c"].map((id) => server.save(id, id));
  const client = createClient();
  for (const record of records) await client.getImage(record);
  const found = [];
  for await (const { record } of client.getImages(records)) {
    found.push(record.id);
    await new Promise(setImmediate);
  }
  assert.deepEqual(found, ["a", "b", "c"]);
});

test("getImages hands its context to the fetcher with every record", async () => {
  const records = ["a", "b"].map((id) => server.save(id, id));
  for await (const { error } of createClient().getImages(records, { context: "mine" })) {
    assert.equal(error, undefined);
  }
  assert.deepEqual(server.requests.map(({ context }) => context), ["mine", "mine"]);
});

test("a signal ends the loop of getImages with its reason", async () => {
  const controller = new AbortController();
  const seen = [];
  const { getImages } = createClient({}, (record) => (record.id === "a" ? server.fetcher(record) : never()));
  const records = ["a", "b"].map((id) => server.save(id, id));
  const loop = async () => {
    for await (const { record, error } of getImages(records, { signal: controller.signal })) {
      seen.push([record.id, error]);
      controller.abort(new Error("left"));
    }
  };
  await assert.rejects(loop(), /left/);
  assert.deepEqual(seen, [["a", undefined]]);
});

test("refreshRecords is asked once for the images of a moment, and those that it doesn't give are gone", async () => {
  const records = Array.from({ length: 130 }, (_, index) => server.save(`image-${index}`, "image"));
  const fresh = records.slice(1).map((record) => ({ ...record, statelessProof: "fresh" }));
  for (const found of [fresh, Object.fromEntries(fresh.map((record) => [record.id, record]))]) {
    const asked = [];
    const refreshRecords = async (ids) => {
      asked.push(ids.length);
      return found;
    };
    const { getImage } = createClient({ refreshRecords, cache: "off" }, onlyFor("fresh"));
    const [gone, ...others] = await Promise.allSettled(records.map((record) => getImage(record)));
    assert.equal(gone.reason?.name, "NotFoundError");
    for (const { status } of others) assert.equal(status, "fulfilled");
    assert.deepEqual(asked, [100, 30]);
  }
});

test("refreshRecords that gives no records, or fails, fails the images that waited for it", async () => {
  const record = server.save(ID, "image");
  const failure = new Error("my own");
  const nothing = createClient({ refreshRecords: async () => undefined }, onlyFor("none"));
  await assert.rejects(nothing.getImage(record), { name: "ConfigError", message: /^refreshRecords must resolve to/ });
  const failing = createClient({ refreshRecords: () => Promise.reject(failure) }, onlyFor("none"));
  await assert.rejects(failing.getImage(record), (error) => error === failure);
});

test("refreshRecord that knows no such image any more makes it a NotFoundError", async () => {
  const { getImage } = createClient({ refreshRecord: () => null }, onlyFor("none"));
  await assert.rejects(getImage(server.save(ID, "image")), { name: "NotFoundError" });
});

test("leaving the loop of getImages aborts the rest, and never the signal that it was given", async () => {
  const records = ["a", "b"].map((id) => server.save(id, id));
  for (const own of [undefined, new AbortController().signal]) {
    let signal;
    const { getImages } = createClient({ cache: "off" }, (record, context, request) => {
      if (record.id === "a") return server.fetcher(record);
      signal = request.signal;
      return never();
    });
    for await (const { record } of getImages(records, { signal: own })) {
      assert.equal(record.id, "a");
      break;
    }
    assert.equal(signal.aborted, true);
    assert.notEqual(own?.aborted, true);
  }
});

test("records that end in an error leave no download behind", async () => {
  let seen;
  const { getImages } = createClient({}, (record, context, { signal }) => {
    seen = signal;
    return never();
  });
  function* records() {
    yield server.save(ID, "image");
    throw new Error("no more records");
  }
  await assert.rejects(getImages(records()).next(), /no more records/);
  await until(() => seen === undefined || seen.aborted);
});

test("recently shown images come from memory, also without storage, until memoryBytes are full", async () => {
  noStorage();
  const client = createClient({ memoryBytes: 10 });
  const [first, ...others] = ["a", "b", "c", "d", "e", "f"].map((id) => server.save(id, "12"));
  assert.equal(await client.getImage(first), await client.getImage(first));
  for (const record of others) await client.getImage(record);
  const { memoryImages, memoryBytes, hits, downloads } = await client.stats();
  assert.deepEqual({ memoryImages, memoryBytes, hits, downloads }, { memoryImages: 5, memoryBytes: 10, hits: 1, downloads: 6 });
  assert.equal(await client.deleteCachedImage("b"), true);
  assert.equal(await client.cachedImageExists("b"), false);
});

test("an old record is not downloaded again for the newer image that it has brought", async () => {
  const stale = server.save(ID, "old", { token: 1 });
  const fresh = server.save(ID, "new", { token: 2 });
  const client = createClient();
  for (const record of [stale, stale, fresh, stale]) assert.equal(await textOf(await client.getImage(record)), "new");
  assert.equal(server.requests.length, 1);
});

test("cache: \"memory\" keeps images in memory alone", async () => {
  const client = createClient({ cache: "memory" });
  const record = server.save(ID, "image");
  assert.equal(await client.getImage(record), await client.getImage(record));
  assert.deepEqual(await indexedDB.databases(), []);
});

test("namespaces see nothing of each other, and clear empties its own alone", async () => {
  const [ada, bob] = ["ada", "bob"].map((namespace) => createClient({ namespace }));
  const record = server.save(ID, "image");
  await ada.getImage(record);
  assert.equal(await bob.cachedImageExists(ID), false);
  await bob.getImage(record);
  await bob.clear();
  assert.equal(await ada.cachedImageExists(ID), true);
  assert.equal(server.requests.length, 2);
});
