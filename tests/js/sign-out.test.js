/** After a delete or a sign-out, images are gone from memory, from loads under way and from other tabs. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { IDBDatabase, IDBFactory } from "fake-indexeddb";

import { gate, textOf, until } from "./support/page.js";
import { createClient, ID, isStored, memoryImages, server } from "./support/site.js";
import { done, patch } from "./support/storage.js";

/** A fetcher that keeps the images of some ids back until `passed`. */
const holding = (passed, ...ids) => async (record, context) => {
  if (ids.includes(record.id)) await passed;
  return server.fetcher(record, context);
};

/** Keep back the storage of clients that have not opened it yet, until the function that this gives is called. */
function holdStorage(t) {
  // However long that is, it is no failure to open.
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { open, passed } = gate();
  patch(t, IDBFactory.prototype, "open", function hold(original, ...args) {
    const late = {};
    passed.then(() => done(original.apply(this, args))).then((result) => Object.assign(late, { result }).onsuccess());
    return late;
  });
  return open;
}

async function assertNotKept(client, id) {
  assert.equal(await memoryImages(client), 0);
  assert.equal(await client.cachedImageExists(id), false);
}

for (const cache of ["memory", "encrypted"]) {
  test(`after clear nothing is in memory, and the image is downloaded again (cache: "${cache}")`, async () => {
    const record = server.save(ID, "image");
    const client = createClient({ cache });
    await client.getImage(record);
    await client.clear();
    await assertNotKept(client, ID);
    await client.getImage(record);
    assert.equal(server.requests.length, 2);
  });
}

test("an image that is deleted while it loads is shown, and is kept neither in memory nor in storage", async () => {
  const { open, passed } = gate();
  const client = createClient({}, holding(passed, ID));
  const image = client.getImage(server.save(ID, "image"));
  assert.equal(await client.deleteCachedImage(ID), false);
  open();
  assert.equal(await textOf(await image), "image");
  await assertNotKept(client, ID);
});

test("a delete leaves the other images that load meanwhile alone: they are kept", async () => {
  const { open, passed } = gate();
  const client = createClient({}, holding(passed, "a", "b"));
  const images = ["a", "b"].map((id) => client.getImage(server.save(id, id)));
  await client.deleteCachedImage("a");
  open();
  await Promise.all(images);
  await isStored(client);
  assert.equal(await memoryImages(client), 1);
  assert.deepEqual(await Promise.all(["a", "b"].map((id) => client.cachedImageExists(id))), [false, true]);
});

test("clear ends the calls of every context with an AbortError, and none of them asks again", async () => {
  const { open, passed } = gate();
  const record = server.save(ID, "image");
  const requests = [];
  const client = createClient({}, async (own, context) => {
    requests.push(context);
    await passed;
    return server.fetcher(own);
  });
  const calls = Promise.allSettled(["a", "b"].map((context) => client.getImage(record, { context })));
  await until(() => requests.length === 1);
  await client.clear();
  open();
  assert.deepEqual((await calls).map(({ reason }) => reason?.name), ["AbortError", "AbortError"]);
  assert.deepEqual(requests, ["a"]);
  await assertNotKept(client, ID);
});

for (const remove of ["deleteCachedImage", "clear"]) {
  test(`${remove} as the first call of a tab empties the other tabs' memory, too`, async () => {
    const other = createClient();
    await other.getImage(server.save(ID, "image"));
    await createClient()[remove](ID);
    await until(async () => (await memoryImages(other)) === 0);
  });

  test(`an image that another tab reads during ${remove} is gone from its memory in the end`, async (t) => {
    const record = server.save(ID, "image");
    const other = createClient();
    await other.getImage(record);
    await isStored(other);
    const goOn = holdStorage(t);
    const removal = createClient()[remove](ID);
    await until(async () => (await memoryImages(other)) === 0);
    await other.getImage(record);
    assert.equal(server.requests.length, 1);
    assert.equal(await memoryImages(other), 1);
    goOn();
    await removal;
    await until(async () => (await memoryImages(other)) === 0);
  });
}

test("another tab's delete lets a download under way here end, and nothing of it is kept", async () => {
  const { open, passed } = gate();
  const [mine, other] = [createClient({}, holding(passed, ID)), createClient()];
  await mine.getImage(server.save("last", "image"));
  const image = mine.getImage(server.save(ID, "image"));
  // All that a tab says comes in turn.
  for (const id of [ID, "last"]) await other.deleteCachedImage(id);
  await until(async () => (await memoryImages(mine)) === 0);
  open();
  assert.equal(await textOf(await image), "image");
  await assertNotKept(mine, ID);
});

test("another tab's clear ends a download under way here with an AbortError", async () => {
  const { open, passed } = gate();
  const [mine, other] = [createClient({}, holding(passed, ID)), createClient()];
  await mine.getImage(server.save("first", "image"));
  const outcome = Promise.allSettled([mine.getImage(server.save(ID, "image"))]);
  await other.clear();
  await until(async () => (await memoryImages(mine)) === 0);
  open();
  assert.equal((await outcome)[0].reason?.name, "AbortError");
  await assertNotKept(mine, ID);
});

test("a download that begins while another tab's clear is still at it is shown, and not kept", async (t) => {
  const { open, passed } = gate();
  const records = ["before", "meanwhile", ID].map((id) => server.save(id, "image"));
  const mine = createClient({}, holding(passed, ID));
  await mine.getImage(records[0]);
  const goOn = holdStorage(t);
  const clearing = createClient().clear();
  await until(async () => (await memoryImages(mine)) === 0);
  await mine.getImage(records[1]);
  const image = mine.getImage(records[2]);
  assert.equal(await memoryImages(mine), 1);
  goOn();
  await clearing;
  await until(async () => (await memoryImages(mine)) === 0);
  open();
  assert.equal(await textOf(await image), "image");
  await assertNotKept(mine, ID);
});

/** A fetcher that damages its first answer and holds further ones until `passed`. */
function damagedFirst(passed) {
  let asked = 0;
  return async (record, context) => {
    asked += 1;
    const body = await server.fetcher(record, context);
    if (asked > 1) await passed;
    else body[body.length - 1] ^= 1;
    return body;
  };
}

test("clear ends the second attempts of callers with their own contexts, and keeps nothing in memory", async () => {
  const { open, passed } = gate();
  const record = server.save(ID, "image");
  const client = createClient({}, damagedFirst(passed));
  const calls = Promise.allSettled(["a", "b", "c"].map((context) => client.getImage(record, { context })));
  await until(() => server.requests.length > 1);
  await client.clear();
  open();
  assert.deepEqual((await calls).map(({ reason }) => reason?.name), ["DecryptError", "AbortError", "AbortError"]);
  await assertNotKept(client, ID);
});

test("callers that try again with their own records share one download", async () => {
  const record = server.save(ID, "image");
  const client = createClient({}, damagedFirst());
  const calls = Array.from({ length: 50 }, (_, index) =>
    client.getImage({ ...record, statelessProof: `proof-${index}` }),
  );
  const outcomes = await Promise.allSettled(calls);
  assert.equal(outcomes.filter(({ status }) => status === "fulfilled").length, 49);
  assert.equal(server.requests.length, 2);
});

for (const end of ["clear", "close"]) {
  test(`${end} ends a download if its image was deleted meanwhile`, async () => {
    const client = createClient({}, () => new Promise(() => {}));
    const image = client.getImage(server.save(ID, "image"));
    await client.deleteCachedImage(ID);
    client[end]();
    await assert.rejects(image, { name: "AbortError" });
  });
}

for (const [removal, name] of [["clear", "AbortError"], ["deleteCachedImage", undefined]]) {
  test(`a caller that reacts to a failure with ${removal} comes before callers that try again`, async () => {
    const record = server.save(ID, "image");
    const client = createClient({}, damagedFirst());
    let removing;
    const first = client.getImage(record, { context: "a" }).catch(() => (removing = client[removal](ID)));
    const second = client.getImage(record, { context: "b" }).then(
      () => undefined,
      (error) => error.name,
    );
    assert.deepEqual([await first.then(() => removing !== undefined), await second], [true, name]);
    await removing;
    await assertNotKept(client, ID);
  });
}

test("a record that its caller empties meanwhile still fails and succeeds as before", async () => {
  const record = server.save(ID, "image");
  const client = createClient({}, damagedFirst());
  const own = { ...record };
  const calls = [client.getImage(own), client.getImage({ ...record, statelessProof: "other" })];
  delete own.meta;
  const [first, second] = await Promise.allSettled(calls);
  assert.equal(first.reason?.name, "DecryptError");
  assert.equal(await textOf(second.value), "image");
});

for (const removal of ["clear", "deleteCachedImage"]) {
  test(`an image that is read while ${removal} opens a lost connection again is not in memory afterwards`, async (t) => {
    const record = server.save(ID, "image");
    const first = createClient();
    await first.getImage(record);
    await isStored(first);
    const client = createClient();
    await client.cachedImageExists(ID);
    const lost = new Set();
    patch(t, IDBDatabase.prototype, "transaction", function transaction(original, ...args) {
      // Closed without a word, as Safari does to pages in the background; those that are opened from now on stay.
      if (!lost.size) this.close();
      lost.add(this);
      return original.apply(this, args);
    });
    const removing = client[removal](ID);
    await client.getImage(record).catch(() => {});
    await removing;
    assert.equal(await memoryImages(client), 0);
  });
}

test("no fresh record is requested once all callers have left", async () => {
  const record = { ...server.save(ID, "image"), proofExpiresAt: 1 };
  let asked = 0;
  const client = createClient({ refreshRecord: async () => (asked += 1) && record });
  await client.stats();
  const ended = assert.rejects(client.getImage(record), { name: "AbortError" });
  await client.clear();
  await ended;
  await client.stats();
  assert.equal(asked, 0);
});
