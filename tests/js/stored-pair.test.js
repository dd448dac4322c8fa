/** keyPair: "stored": one pair per namespace in IndexedDB, which outlives the page and is deleted by clear(). */

import assert from "node:assert/strict";
import { test } from "node:test";

import { IDBFactory, IDBObjectStore } from "fake-indexeddb";

import { gate, pageEvents, setGlobal, settle, textOf, until } from "./support/page.js";
import { headerOf, isSealed, sealerFor } from "./support/sealed.js";
import { createClient as createAny, errors, ID, name, server } from "./support/site.js";
import { done, dump, fail, inspect, noStorage, patch, transactions } from "./support/storage.js";

const createClient = (config) => createAny({ keyPair: "stored", memoryBytes: 0, ...config });

/** Delete the pair without a message to the other tabs. */
const deletePair = () =>
  inspect(name, (connection) => done(connection.transaction("bytes", "readwrite").objectStore("bytes").delete([""])));

/** Give the page cookies for the rest of one test: those that it sets, in order. */
function cookies(t) {
  const set = [];
  setGlobal(t, "location", { protocol: "https:", origin: "https://app.example", href: "https://app.example/" });
  setGlobal(t, "document", { baseURI: location.href, set cookie(text) { set.push(text); } });
  return set;
}

/** Hold back new pairs until `open` is called; `isMaking` tells whether one is being made. */
function holdNewPairs(t) {
  const { open, passed } = gate();
  const { generateKey } = crypto.subtle;
  const { mock } = t.mock.method(crypto.subtle, "generateKey", async (...given) => {
    await passed;
    return generateKey.apply(crypto.subtle, given);
  });
  return { open, isMaking: () => mock.callCount() > 0 };
}

/** The pairs in the database, by their keys. */
const pairs = async () => (await dump(name)).bytes.filter(([key]) => key.length === 1);

test("a record opens after a reload and in another tab: the client finds the pair of its namespace", async () => {
  const [plain, first] = [server.save(ID, "picture"), createClient()];
  const record = sealerFor(await headerOf(first))(plain);
  first.close();
  for (const client of [createClient(), createClient()]) assert.equal(await textOf(await client.getImage(record)), "picture");
  assert.deepEqual(errors, []);
});

test("the private half is not extractable, and nothing else is stored with it", async () => {
  await headerOf(createClient({ namespace: "alice" }));
  const [[key, pair], ...others] = await pairs();
  assert.deepEqual([key, Object.keys(pair), others], [["alice"], ["privateKey", "own"], []]);
  assert.deepEqual([pair.privateKey.type, pair.privateKey.extractable], ["private", false]);
});

test("clients that start at the same time get the same pair, and each namespace another one", async () => {
  const headers = await Promise.all(["", "", "", "alice", "bob"].map((namespace) => headerOf(createClient(namespace ? { namespace } : {}))));
  assert.equal(new Set(headers.slice(0, 3)).size, 1);
  assert.equal(new Set(headers).size, 3);
});

for (const keyPair of ["stored", "memory"]) {
  test(`clear() of a client with keyPair: "${keyPair}" deletes the pair, also in other tabs`, async () => {
    const [plain, tab, clearing] = [server.save(ID, "picture"), createClient(), createClient({ keyPair })];
    const before = await headerOf(tab);
    await headerOf(createClient({ namespace: "other" }));
    await tab.deleteCachedImage(ID);
    assert.equal(await headerOf(tab), before);
    await clearing.clear();
    assert.deepEqual((await pairs()).map(([key]) => key), [["other"]]);
    const after = await headerOf(createClient());
    assert.notEqual(after, before);
    await until(async () => (await headerOf(tab)) === after);
    await assert.rejects(createClient().getImage(sealerFor(before)(plain)), isSealed);
  });
}

test("if IndexedDB refuses the pair, it is in memory, and onCacheError is told", async (t) => {
  patch(t, IDBObjectStore.prototype, "put", function refuse(original, value, ...key) {
    return value?.privateKey ? fail("DataCloneError")() : original.call(this, value, ...key);
  });
  const [plain, client] = [server.save(ID, "picture"), createClient()];
  const header = await headerOf(client);
  await client.deleteCachedImage(ID);
  assert.equal(await headerOf(client), header);
  assert.equal(await textOf(await client.getImage(sealerFor(header)(plain))), "picture");
  assert.deepEqual(errors.map(({ reason, cause }) => [reason, cause.name]), [["failed", "DataCloneError"]]);
});

test("without IndexedDB, or with a cache that stores nothing, the pair is in memory", async () => {
  const client = createClient({ cache: "off" });
  assert.equal(await headerOf(client), await headerOf(client));
  assert.deepEqual(errors, []);
  noStorage();
  assert.match(await headerOf(createClient()), /^[\w-]{87}$/);
  assert.deepEqual(errors.map(({ reason }) => reason), ["unavailable"]);
});

test("a clear() while the pair is made in another tab leaves a pair that no earlier record is sealed to", async (t) => {
  const { open, isMaking } = holdNewPairs(t);
  const [tab, clearing] = [createClient(), createClient()];
  const early = headerOf(tab);
  await until(isMaking);
  await clearing.clear();
  open();
  const made = await early;
  assert.equal(await headerOf(tab), made);
  assert.equal(await headerOf(createClient()), made);
});

test("a pair that is read while another tab clears it is neither kept, nor stored again, nor put into the cookie", async (t) => {
  const set = cookies(t);
  const [first, clearing] = [createClient(), createClient({ keyPair: "memory" })];
  const before = await headerOf(first);
  first.close();
  set.length = 0;
  const { open, passed } = gate();
  const tab = createClient();
  patch(t, IDBObjectStore.prototype, "get", function hold(original, key) {
    const request = original.call(this, key);
    if (key?.length !== 1) return request;
    const late = {};
    done(request).then((result) => passed.then(() => Object.assign(late, { result }).onsuccess()));
    return late;
  });
  const early = headerOf(tab);
  await settle();
  await clearing.clear();
  await settle();
  open();
  assert.equal(await early, before);
  assert.deepEqual(await pairs(), []);
  assert.ok(!set.some((text) => text.includes(before)), set.join());
  assert.notEqual(await headerOf(tab), before);
});

test("a tab that reads the pair again before another one has deleted it forgets it, and deletes the cookie", async (t) => {
  const set = cookies(t);
  const tab = createClient();
  const before = await headerOf(tab);
  const { open, passed } = gate();
  patch(t, IDBFactory.prototype, "open", function hold(original, ...given) {
    const late = {};
    passed.then(() => done(original.apply(this, given))).then((result) => Object.assign(late, { result }).onsuccess());
    return late;
  });
  const cleared = createClient({ keyPair: "memory" }).clear();
  await until(() => set.length === 3); // each client of the page has deleted the cookie
  assert.equal(await headerOf(tab), before);
  assert.ok(set.at(-1).includes(before));
  open();
  await cleared;
  await until(() => set.at(-1).includes("max-age=0"));
  assert.notEqual(await headerOf(tab), before);
});

test("a page that returns from the back-forward cache reads the pair again", async (t) => {
  const page = pageEvents(t);
  const client = createClient();
  const before = await headerOf(client);
  await deletePair();
  assert.equal(await headerOf(client), before);
  page.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
  const after = await headerOf(client);
  assert.notEqual(after, before);
  assert.equal(await headerOf(createClient()), after);
});

test("a page has the pair in a cookie that no other host can set, until a client of any pair clears", async (t) => {
  const set = cookies(t);
  const [client, other] = [createClient(), createClient({ keyPair: "memory" })];
  const header = await headerOf(client);
  await headerOf(client);
  assert.deepEqual(set, [`__Host-pixstore-recipient=${header}; max-age=34560000; path=/; secure; samesite=lax`]);
  await other.clear();
  assert.equal(set[1], "__Host-pixstore-recipient=; max-age=0; path=/; secure");
  await settle();
  assert.deepEqual([...new Set(set.slice(1))], [set[1]]);
});

test("a page makes the pair before its first record, but with keyPair: \"memory\" only for one", async (t) => {
  const set = cookies(t);
  const { mock } = t.mock.method(crypto.subtle, "generateKey");
  createClient({ namespace: "bob", keyPair: "memory" });
  createClient({ namespace: "alice" });
  await until(() => set.length === 1);
  assert.deepEqual((await pairs()).map(([key]) => key), [["alice"]]);
  assert.equal(mock.callCount(), 1);
});

test("a client that is closed while its pair is made sets no cookie", async (t) => {
  const set = cookies(t);
  const { open, isMaking } = holdNewPairs(t);
  const client = createClient();
  const headers = client.recipientHeaders();
  await until(isMaking);
  client.close();
  open();
  await headers;
  assert.deepEqual(set, []);
});

test("a frame without cookies has its pair and can clear", async (t) => {
  setGlobal(t, "document", { baseURI: "https://app.example/", set cookie(text) { throw new DOMException(text, "SecurityError"); } });
  const client = createClient();
  const before = await headerOf(client);
  await client.clear();
  assert.notEqual(await headerOf(client), before);
});

test("nothing is loaded, opened or stored before the first call outside of a page", async (t) => {
  const begun = transactions(t);
  createClient();
  await settle();
  assert.deepEqual(begun, []);
});

test("a stored value that is no pair is replaced by one", async () => {
  const before = await headerOf(createClient());
  await inspect(name, (connection) => done(connection.transaction("bytes", "readwrite").objectStore("bytes").put({ own: 1 }, [""])));
  const after = await headerOf(createClient());
  assert.notEqual(after, before);
  assert.equal(await headerOf(createClient()), after);
});
