/** The life of a record in the client: its proof expires, its caller leaves, its time is up; and images in memory. */

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { createClient as createClientOf, FetchError, RecordError, RefusedError, WireState } from "../../js_client/src/index.js";
import { createServer } from "./support/server.js";
import { emptyStorage, noStorage } from "./support/storage.js";

const ID = "players:abc";

const textOf = async (blob) => Buffer.from(await blob.arrayBuffer()).toString();

let server;
let tests = 0;
beforeEach(() => {
  emptyStorage();
  tests += 1;
  server = createServer();
});

// A name of its own for each test: the clients of one database hear each other, and one test's `clear` is none of the next.
const createClient = (config, fetcher) => createClientOf({ databaseName: `test-${tests}`, ...config }, fetcher);

/** A fetcher of the server that refuses every proof but one. */
const onlyFor = (proof) => async (record, context) => {
  const body = await server.fetcher(record, context);
  return record.statelessProof === proof ? body : Uint8Array.of(WireState.InvalidProof);
};

const never = () => new Promise(() => {});

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
  const client = createClient({ cache: "off" }, server.fetcher);
  await client.getImage(record, { refreshRecord: () => fresh });
  await new Promise(setImmediate);
  await client.getImage(record);
  assert.deepEqual(server.requests.map((request) => request.record), [fresh, record]);
});

test("a clock that is wrong costs one refresh, and no image", async () => {
  const record = { ...server.save(ID, "image"), proofExpiresAt: 1 };
  const client = createClient({ cache: "off" }, server.fetcher);
  assert.equal(await textOf(await client.getImage(record, { refreshRecord: () => ({ ...record }) })), "image");
  assert.equal(server.requests.length, 1);
});

test("what refreshRecord throws reaches the caller, and another image's record is refused", async () => {
  const record = server.save(ID, "image");
  const { getImage } = createClient({}, onlyFor("none"));
  const failure = new Error("signed out");
  await assert.rejects(getImage(record, { refreshRecord: () => Promise.reject(failure) }), (error) => error === failure);
  const other = server.save("other", "image");
  await assert.rejects(getImage(record, { refreshRecord: () => other }), RecordError);
});

test("a signal ends its own call, and the request only where nobody else waits", async () => {
  const record = server.save(ID, "image");
  const signals = [];
  let arrive;
  const arrived = new Promise((resolve) => {
    arrive = resolve;
  });
  const { getImage } = createClient({}, async (own, context, { signal }) => {
    signals.push(signal);
    await arrived;
    return server.fetcher(own);
  });
  const [leaver, other] = [new AbortController(), new AbortController()];
  const left = getImage(record, { signal: leaver.signal });
  const stays = getImage(record, { signal: other.signal });
  await new Promise((resolve) => setTimeout(resolve, 10));
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
  await new Promise((resolve) => setTimeout(resolve, 10));
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

test("clear ends what is under way, and nothing of it is kept", async () => {
  const client = createClient({}, never);
  const ends = assert.rejects(client.getImage(server.save(ID, "image")), { name: "AbortError" });
  await client.clear();
  await ends;
  assert.equal(await client.cachedImageExists(ID), false);
});

test("getImages yields each image as it is ready, and a failure among them", async () => {
  const records = ["a", "b", "c"].map((id) => server.save(id, id));
  const gone = { ...records[2], id: "gone" };
  const slow = async (record) => {
    if (record.id === "a") await new Promise((resolve) => setTimeout(resolve, 50));
    return server.fetcher(record);
  };
  const found = [];
  for await (const { record, blob, error } of createClient({}, slow).getImages([records[0], gone, records[1]])) {
    found.push([record.id, blob ? await textOf(blob) : error.name]);
  }
  assert.deepEqual(found, [["gone", "NotFoundError"], ["b", "b"], ["a", "a"]]);
});

test("leaving the loop of getImages aborts the rest", async () => {
  const records = ["a", "b"].map((id) => server.save(id, id));
  let signal;
  const { getImages } = createClient({}, (record, context, request) => {
    if (record.id === "a") return server.fetcher(record);
    signal = request.signal;
    return never();
  });
  for await (const { record } of getImages(records)) {
    assert.equal(record.id, "a");
    break;
  }
  assert.equal(signal.aborted, true);
});

test("what was shown last comes from memory, also where there is no storage, until memoryBytes are full", async () => {
  noStorage();
  const client = createClient({ memoryBytes: 10 }, server.fetcher);
  const [first, second] = ["a", "b"].map((id) => server.save(id, "12345678"));
  assert.equal(await client.getImage(first), await client.getImage(first));
  await client.getImage(second);
  const { memoryImages, memoryBytes, hits, downloads } = await client.stats();
  assert.deepEqual({ memoryImages, memoryBytes, hits, downloads }, { memoryImages: 1, memoryBytes: 8, hits: 1, downloads: 2 });
  assert.equal(await client.deleteCachedImage("b"), true);
  assert.equal(await client.cachedImageExists("b"), false);
});

test("an old record is not downloaded again for the newer image that it has brought", async () => {
  const stale = server.save(ID, "old", { token: 1 });
  const fresh = server.save(ID, "new", { token: 2 });
  const client = createClient({}, server.fetcher);
  for (const record of [stale, stale, fresh, stale]) assert.equal(await textOf(await client.getImage(record)), "new");
  assert.equal(server.requests.length, 1);
});

test("cache: \"memory\" keeps images in memory alone", async () => {
  const client = createClient({ cache: "memory" }, server.fetcher);
  const record = server.save(ID, "image");
  assert.equal(await client.getImage(record), await client.getImage(record));
  assert.deepEqual(await indexedDB.databases(), []);
});

test("namespaces see nothing of each other, and clear empties its own alone", async () => {
  const [ada, bob] = ["ada", "bob"].map((namespace) => createClient({ namespace }, server.fetcher));
  const record = server.save(ID, "image");
  await ada.getImage(record);
  assert.equal(await bob.cachedImageExists(ID), false);
  await bob.getImage(record);
  await bob.clear();
  assert.equal(await ada.cachedImageExists(ID), true);
  assert.equal(server.requests.length, 2);
});
