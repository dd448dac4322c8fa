/** keyPair: "stored": one pair per namespace in IndexedDB, which outlives the page and is deleted by clear(). */

import assert from "node:assert/strict";
import { test } from "node:test";

import { IDBObjectStore } from "fake-indexeddb";

import { RecordError } from "../../js_client/src/index.js";
import { textOf, until } from "./support/page.js";
import { sealerFor } from "./support/sealed.js";
import { createClient as createAny, errors, ID, name, server } from "./support/site.js";
import { dump, fail, noStorage, patch } from "./support/storage.js";

const createClient = (config) => createAny({ keyPair: "stored", memoryBytes: 0, ...config });
const headerOf = async (client) => (await client.recipientHeaders())["pixstore-recipient"];
const isSealed = (error) => error instanceof RecordError && error.reason === "sealed";

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
