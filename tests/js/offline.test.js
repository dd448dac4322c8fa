/** `offline: true`: the last known pictures are shown while the application can't be reached, until it refuses them. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { IDBFactory, IDBObjectStore } from "fake-indexeddb";

import { createRecipient } from "../../js_client/src/crypto/recipient.js";
import { FetchError, NotFoundError, RecordError, RefusedError } from "../../js_client/src/index.js";
import { gate, pageEvents, setGlobal, settle, textOf, until } from "./support/page.js";
import { HEADER, headerOf, sealerFor } from "./support/sealed.js";
import { successPayload } from "./support/server.js";
import { createClient as createPlain, errors, ID, isStored, name, server } from "./support/site.js";
import { done, dump, fail, keyOf, overwrite, patch } from "./support/storage.js";

/** A site with sealed records and images; `mode` sets how both routes answer, `asked` has the paths asked for. */
function createSite(t) {
  const site = { records: "ok", images: "ok", asked: [], saved: new Map() };
  const answer = (mode) => {
    if (mode === "down") throw new TypeError("Failed to fetch");
    return typeof mode === "number" ? new Response(null, { status: mode }) : undefined;
  };
  setGlobal(t, "fetch", async (url, { headers, body }) => {
    const [path, query = ""] = url.split("?");
    site.asked.push(path);
    if (path === "/records") {
      const sealing = sealerFor(headers[HEADER]);
      const sealed = ({ variants, ...record }) => ({
        ...sealing(record),
        ...(variants && { variants: Object.fromEntries(Object.entries(variants).map(([key, each]) => [key, sealing(each)])) }),
      });
      const ids = query.split("&").map((each) => each.slice(3));
      const found = ids.filter((id) => site.saved.has(id)).map((id) => [id, sealed(site.saved.get(id))]);
      return answer(site.records) ?? Response.json(Object.fromEntries(found));
    }
    const refused = answer(site.images);
    if (refused) return refused;
    assert.equal(body, undefined, "one image each time");
    const id = decodeURIComponent(path.slice("/pixstore-image/".length));
    return new Response(server.version(id) ? successPayload(server.version(id)) : Uint8Array.of(2));
  });
  return {
    ...site,
    /** Set how the routes answer: "ok", "down" or an HTTP status. */
    set: (records, images = records) => Object.assign(site, { records, images }),
    asked: site.asked,
    save(id, image, { token, variants, ...details } = {}) {
      const each = Object.entries(variants ?? {}).map(([key, [text, width]]) => [
        key,
        { ...server.save(`${id}~${key}`, text, { token }), width, height: width },
      ]);
      const record = { ...server.save(id, image, { token }), ...details, ...(variants && { variants: Object.fromEntries(each) }) };
      site.saved.set(id, record);
      return record;
    },
    remove(id) {
      site.saved.delete(id);
    },
  };
}

const createClient = (config) =>
  createPlain({ recordsUrl: "/records", offline: true, memoryBytes: 0, retries: 0, ...config }, null);

const entriesOf = async () => Object.fromEntries((await dump(name)).entries.map(([[, id], entry]) => [id, entry]));

/** Show an image by its id, as a view does, and wait until it is stored with its record. */
async function show(client, id) {
  const image = await client.getImage(await client.getRecord(id));
  await until(async () => (await entriesOf())[id]?.record);
  return textOf(image);
}

const last = async (client, id) => textOf(await client.getImage(await client.getRecord(id)));

test("after a reload without a network the image is shown by its stored record", async (t) => {
  const site = createSite(t);
  site.save(ID, "picture", { width: 40, height: 30 });
  const first = createClient();
  assert.equal(await show(first, ID), "picture");
  first.close();
  site.set("down");
  const client = createClient();
  const record = await client.getRecord(ID);
  assert.deepEqual([record.id, record.width, record.height], [ID, 40, 30]);
  assert.deepEqual(Object.keys(record.meta), ["sealed", "iv", "tag"]);
  assert.equal(await textOf(await client.getImage(record)), "picture");
});

test("the entry has the sealed record and its recipient, and no key", async (t) => {
  const site = createSite(t);
  const plain = site.save(ID, "picture", { placeholder: "AAAA", secret: "of the application" });
  const client = createClient();
  await show(client, ID);
  const { record, recipient } = (await entriesOf())[ID];
  assert.equal(recipient, await headerOf(client));
  assert.deepEqual(Object.keys(record), ["id", "token", "meta", "statelessProof"]);
  const stored = JSON.stringify(await dump(name));
  for (const text of [plain.meta.key, "of the application"]) assert.ok(!stored.includes(text), text);
});

test("without the option no record is stored, and a plain record never is", async (t) => {
  const site = createSite(t);
  const plain = site.save(ID, "picture");
  const online = createClient({ offline: false });
  await online.getImage(await online.getRecord(ID));
  await isStored(online);
  const client = createClient();
  await client.getImage(plain);
  assert.deepEqual(Object.keys((await entriesOf())[ID]).sort(), ["id", "kind", "lastUsed", "namespace", "size", "token"]);
});

test("an image that was cached without a record gets it with the next hit, and keeps it", async (t) => {
  const site = createSite(t);
  site.save(ID, "picture");
  const online = createClient({ offline: false });
  await online.getImage(await online.getRecord(ID));
  await isStored(online);
  const client = createClient();
  await show(client, ID);
  const { record } = (await entriesOf())[ID];
  await show(client, ID);
  await show(client, ID);
  assert.deepEqual((await entriesOf())[ID].record, record, "a later record of the same version does not replace it");
  assert.equal((await client.stats()).hits, 3);
});

for (const outage of ["down", 500, 502, 503]) {
  test(`while the application fails, the last version is shown: ${outage}`, async (t) => {
    const site = createSite(t);
    site.save(ID, "picture");
    const client = createClient();
    const record = await client.getRecord(ID);
    await show(client, ID);
    site.set(outage);
    assert.equal(await last(client, ID), "picture");
    const newer = { ...record, token: 2 };
    assert.equal(await textOf(await client.getImage(newer)), "picture", "also by a record of another version");
    await assert.rejects(client.getRecord("players:other"), FetchError);
    assert.equal((await client.stats()).images, 1);
  });
}

// A proxy that refuses everything, or a session that has ended, says nothing about an image.
for (const status of [400, 401, 403, 404, 429]) {
  test(`an answer that is no outage is an error, and deletes nothing: ${status}`, async (t) => {
    const site = createSite(t);
    site.save(ID, "picture");
    const client = createClient();
    await show(client, ID);
    site.set(status);
    await assert.rejects(client.getRecord(ID), { status });
    assert.equal((await client.stats()).images, 1);
    site.set("down");
    assert.equal(await last(client, ID), "picture");
  });
}

test("a 404 of the images' route is of a proxy, and deletes nothing", async (t) => {
  const site = createSite(t);
  site.save(ID, "old");
  const client = createClient();
  await show(client, ID);
  site.save(ID, "new", { token: 2 });
  site.set("ok", 404);
  await assert.rejects(client.getRecord(ID).then(client.getImage), { status: 404 });
  assert.equal((await client.stats()).images, 1);
});

test("an image that the records' route leaves out is deleted with its record, in all tabs", async (t) => {
  const site = createSite(t);
  site.save(ID, "picture", { variants: { thumb: ["small", 10] } });
  const [client, tab] = [createClient({ memoryBytes: 9999 }), createClient({ memoryBytes: 9999 })];
  await show(client, ID);
  await show(client, `${ID}~thumb`);
  const heard = [];
  tab.onRemoved((removed) => heard.push(removed));
  await last(tab, ID);
  site.remove(ID);
  await assert.rejects(client.getRecord(ID), NotFoundError);
  await until(() => heard.length > 0);
  assert.deepEqual(heard[0], { type: "deleted", id: ID });
  for (const each of [client, tab]) {
    const { images, memoryImages } = await each.stats();
    assert.deepEqual([images, memoryImages], [0, 0]);
  }
  site.set("down");
  await assert.rejects(client.getRecord(ID), FetchError);
});

for (const [gone, matches] of [
  ["none", (error) => error instanceof NotFoundError],
  [403, (error) => error instanceof RefusedError && error.status === 403],
]) {
  test(`an image that the images' route refuses is deleted with its record: ${gone}`, async (t) => {
    const site = createSite(t);
    site.save(ID, "old");
    const client = createClient();
    await show(client, ID);
    site.save(ID, "new", { token: 2 });
    const record = await client.getRecord(ID);
    if (gone === "none") server.remove(ID);
    else site.set("ok", gone);
    await assert.rejects(client.getImage(record), matches);
    assert.equal((await client.stats()).images, 0);
    site.set("down");
    await assert.rejects(client.getImage(record), FetchError);
  });
}

test("a page that loads deleted images again does not loop, also if another place still gets the image", async (t) => {
  const site = createSite(t);
  site.save(ID, "picture");
  const client = createClient({ memoryBytes: 9999 });
  const record = await client.getRecord(ID);
  await show(client, ID);
  site.remove(ID);
  const outcomes = [];
  client.onRemoved(() => {
    client.getRecord(ID).catch(() => outcomes.push("refused"));
    client.getImage(record).then(() => outcomes.push("shown"), () => outcomes.push("failed"));
  });
  await assert.rejects(client.getRecord(ID), NotFoundError);
  await until(() => outcomes.length >= 4);
  await settle();
  assert.deepEqual(outcomes.sort(), ["refused", "refused", "shown", "shown"], "the two announcements of one deletion");
});

test("a page does not loop if the storage can't delete an image that only the images' route refuses", async (t) => {
  const site = createSite(t);
  site.save(ID, "old");
  const client = createClient();
  await show(client, ID);
  site.save(ID, "new", { token: 2 });
  site.set("ok", 403);
  patch(t, IDBObjectStore.prototype, "delete", fail("UnknownError"));
  const load = () => client.getRecord(ID).then(client.getImage);
  client.onRemoved(() => load().catch(() => {}));
  const before = site.asked.length;
  await assert.rejects(load(), { status: 403 });
  for (let turn = 0; turn < 5; turn += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    await settle();
  }
  assert.ok(site.asked.length - before <= 6, `${site.asked.length - before} requests`);
  assert.ok(errors.length > 0);
});

test("a refusal of an image that is not here announces nothing", async (t) => {
  createSite(t);
  const client = createClient();
  client.onRemoved(() => assert.fail("announced"));
  await assert.rejects(client.getRecord(ID), NotFoundError);
  await assert.rejects(client.getRecord("no id!"), NotFoundError);
  await assert.rejects(client.getRecord(undefined), NotFoundError);
  await assert.rejects(client.getImage(undefined), RecordError);
});

test("without a network the record has the cached variants, and each is shown", async (t) => {
  const site = createSite(t);
  site.save(ID, "original", { width: 800, height: 800, variants: { thumb: ["small", 100], middle: ["the middle", 400], other: ["x", 9] } });
  const client = createClient();
  for (const id of [ID, `${ID}~thumb`, `${ID}~middle`]) await show(client, id);
  site.set("down");
  const record = await client.getRecord(ID);
  assert.deepEqual(Object.keys(record.variants), ["middle", "thumb"]);
  assert.deepEqual(Object.values(record.variants).map(({ id, width }) => [id, width]), [[`${ID}~middle`, 400], [`${ID}~thumb`, 100]]);
  assert.equal(await textOf(await client.getImage(record)), "original");
  assert.equal(await textOf(await client.getImage(record.variants.thumb)), "small");
  assert.equal(await last(client, `${ID}~thumb`), "small");
  assert.equal(await last(client, `${ID}~other`), "original", "the original is the largest size");
});

test("if only variants are cached, the largest of them is shown in place of any other size", async (t) => {
  const site = createSite(t);
  site.save(ID, "original", { width: 800, height: 800, variants: { thumb: ["small", 100], middle: ["the middle", 400], other: ["x", 9] } });
  const client = createClient();
  const original = await client.getRecord(ID);
  for (const id of [`${ID}~thumb`, `${ID}~middle`]) await show(client, id);
  site.set("down");
  const record = await client.getRecord(ID);
  assert.deepEqual([record.id, record.width, Object.keys(record.variants)], [ID, 400, ["middle", "thumb"]]);
  for (const each of [record, original, await client.getRecord(`${ID}~other`)]) {
    assert.equal(await textOf(await client.getImage(each)), "the middle");
  }
  site.set("ok");
  assert.equal(await textOf(await client.getImage(record)), "original", "the record of another size does not stay");
});

test("without a network no older size is shown after a newer version", async (t) => {
  const site = createSite(t);
  site.save(ID, "original 1", { width: 800, height: 800, variants: { thumb: ["small 1", 100], middle: ["middle 1", 400] } });
  const client = createClient();
  for (const id of [ID, `${ID}~thumb`, `${ID}~middle`]) await show(client, id);
  site.save(ID, "original 2", { token: 2, width: 800, height: 800, variants: { thumb: ["small 2", 100], middle: ["middle 2", 400] } });
  await last(client, `${ID}~thumb`);
  await until(async () => (await entriesOf())[`${ID}~thumb`].record.token === 2);
  site.set("down");
  const record = await client.getRecord(ID);
  assert.equal(await textOf(await client.getImage(record)), "small 2");
  assert.deepEqual(Object.keys(record.variants), ["thumb"]);
  assert.equal(await last(client, `${ID}~middle`), "small 2");
});

test("an earlier version that was shown in an outage does not stand for the newer one later", async (t) => {
  const site = createSite(t);
  site.save(ID, "old");
  const client = createClient({ memoryBytes: 9999 });
  await show(client, ID);
  site.save(ID, "new", { token: 2 });
  const record = await client.getRecord(ID);
  site.set("down");
  assert.equal(await textOf(await client.getImage(record)), "old");
  assert.equal(client.peek(record), undefined);
  site.set("ok");
  assert.equal(await textOf(await client.getImage(record)), "new");
  await until(async () => (await entriesOf())[ID].record.token === 2);
  assert.equal((await entriesOf())[ID].token, 2);
});

test("a record that the application kept itself opens after a reload, without a request", async (t) => {
  const site = createSite(t);
  site.save(ID, "picture");
  const client = createClient();
  const kept = JSON.stringify(await client.getRecord(ID));
  await show(client, ID);
  client.close();
  site.set("down");
  const before = site.asked.length;
  assert.equal(await textOf(await createClient().getImage(JSON.parse(kept))), "picture");
  assert.equal(site.asked.length, before);
});

/** Be a page, and hold its long pauses back until `pass` is called. */
function pauses(t) {
  const [held, { setTimeout }] = [[], globalThis];
  setGlobal(t, "document", { baseURI: "https://app.example/" });
  setGlobal(t, "setTimeout", (go, ms, ...given) => (ms > 4999 && ms !== 60_000 ? held.push(go) : setTimeout(go, ms, ...given)));
  return { held, pass: () => held.splice(0).forEach((go) => go()) };
}

test("once the application answers again, newer versions replace the pictures of an outage, and only these", async (t) => {
  const [page, { held, pass }] = [pageEvents(t), pauses(t)];
  const site = createSite(t);
  for (const id of ["a", "b", "c"]) site.save(id, "old");
  const client = createClient();
  for (const id of ["a", "b", "c"]) await show(client, id);
  const removed = [];
  client.onRemoved(({ type, id }) => removed.push(`${type} ${id}`));
  site.set("down");
  for (const id of ["a", "b", "c", "a"]) await last(client, id);
  for (let attempt = 1; attempt < 7; attempt += 1) {
    await until(() => held.length === 1);
    const before = site.asked.length;
    pass();
    await until(() => site.asked.length === before + 1);
  }
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(held.length, 0, "now only the event makes the page ask");
  for (const id of ["a", "b"]) site.save(id, "new", { token: 2 });
  site.set("ok");
  assert.equal(await show(client, "b"), "new");
  await until(async () => (await entriesOf()).b.token === 2);
  assert.deepEqual(removed, []);
  page.dispatchEvent(new Event("online"));
  await until(() => removed.length === 2);
  await settle();
  assert.deepEqual([...new Set(removed)], ["deleted a"]);
  assert.equal(await show(client, "a"), "new");
});

test("after clear() or close() a page asks for no pictures of an outage", async (t) => {
  const [page, { held, pass }] = [pageEvents(t), pauses(t)];
  const site = createSite(t);
  site.save(ID, "picture");
  const [first, second] = [createClient(), createClient()];
  await show(first, ID);
  site.set("down");
  await last(first, ID);
  await last(second, ID);
  second.close();
  await first.clear();
  const before = site.asked.length;
  assert.equal(held.length, 2);
  pass();
  page.dispatchEvent(new Event("online"));
  await new Promise((resolve) => setTimeout(resolve, 1100));
  assert.equal(site.asked.length, before);
});

test("an application's own refreshRecord may reject as fetch does, and its other errors stay", async (t) => {
  const site = createSite(t);
  site.save(ID, "picture");
  const online = createClient();
  await show(online, ID);
  let error = new TypeError("Failed to fetch");
  const client = createClient({ recordsUrl: undefined, refreshRecord: () => Promise.reject(error) });
  assert.equal(await last(client, ID), "picture");
  error = new Error("its own");
  await assert.rejects(client.getRecord(ID), error);
  error = Object.assign(new Error("its own"), { status: 403 });
  await assert.rejects(client.getRecord(ID), error);
  assert.equal((await client.stats()).images, 1);
});

test("after clear() nothing is shown without a network, in any tab, and no record is left", async (t) => {
  const site = createSite(t);
  const plain = site.save(ID, "picture");
  const [client, tab] = [createClient({ memoryBytes: 9999 }), createClient({ memoryBytes: 9999 })];
  const record = await client.getRecord(ID);
  await show(client, ID);
  await last(tab, ID);
  await tab.clear();
  site.set("down");
  await until(async () => (await client.stats()).memoryImages === 0);
  for (const each of [client, tab, createClient()]) {
    await assert.rejects(each.getRecord(ID), FetchError);
    await assert.rejects(each.getImage(record), (error) => error instanceof FetchError || error.reason === "sealed");
  }
  const stored = JSON.stringify(await dump(name));
  for (const text of [record.meta.sealed, plain.meta.iv, ID]) assert.ok(!stored.includes(text), text);
});

test("a call that waits for the storage ends by clear(), and its image is not stored", async (t) => {
  const site = createSite(t);
  const plain = site.save(ID, "picture");
  await createClient().clear();
  const { open, passed } = gate();
  patch(t, IDBFactory.prototype, "open", function hold(original, ...given) {
    const late = {};
    passed.then(() => done(original.apply(this, given))).then((result) => Object.assign(late, { result }).onsuccess());
    return late;
  });
  const client = createClient();
  const image = client.getImage(plain);
  await settle();
  const cleared = client.clear();
  open();
  await cleared;
  await assert.rejects(image, { name: "AbortError" });
  await settle();
  assert.deepEqual(await entriesOf(), {});
});

test("each namespace has its own last versions", async (t) => {
  const site = createSite(t);
  site.save(ID, "picture");
  const ada = createClient({ namespace: "ada" });
  await show(ada, ID);
  site.set("down");
  assert.equal(await last(ada, ID), "picture");
  await assert.rejects(createClient({ namespace: "bob" }).getRecord(ID), FetchError);
});

test("a record that is sealed to another pair is not used, and replaced by the next hit", async (t) => {
  const site = createSite(t);
  site.save(ID, "picture");
  const client = createClient();
  await show(client, ID);
  const entry = (await entriesOf())[ID];
  await overwrite("entries", keyOf(ID), { ...entry, recipient: "another" }, name);
  client.close();
  site.set("down");
  const later = createClient();
  await assert.rejects(later.getRecord(ID), FetchError);
  site.set("ok");
  await last(later, ID);
  await until(async () => (await entriesOf())[ID].recipient === entry.recipient);
});

test("a page whose pair is in memory, because the storage failed, leaves the stored records as they are", async (t) => {
  const site = createSite(t);
  site.save(ID, "picture");
  const first = createClient();
  await show(first, ID);
  first.close();
  let isBroken = true;
  patch(t, IDBObjectStore.prototype, "get", function refuse(original, key) {
    return isBroken && key?.length === 1 ? fail("UnknownError")() : original.call(this, key);
  });
  const second = createClient();
  assert.equal(await last(second, ID), "picture");
  await settle();
  second.close();
  isBroken = false;
  site.set("down");
  assert.equal(await last(createClient(), ID), "picture");
});

test("the records of frameworks, which are proxies, are stored", async (t) => {
  const site = createSite(t);
  site.save(ID, "picture");
  const client = createClient();
  const { meta, ...record } = await client.getRecord(ID);
  await client.getImage(new Proxy({ ...record, meta: new Proxy(meta, {}) }, {}));
  await until(async () => (await entriesOf())[ID]?.record);
});

for (const [change, wrong] of Object.entries({
  "sealed to another page": async (plain) => sealerFor((await createRecipient().headers())[HEADER])(plain),
  "changed in one byte": (_, { meta, ...record }) => {
    const bytes = Buffer.from(meta.sealed, "base64");
    bytes[100] ^= 1;
    return { ...record, meta: { ...meta, sealed: bytes.toString("base64") } };
  },
  "of another token": (_, record) => ({ ...record, token: 7 }),
  "of another proof": (_, record) => ({ ...record, statelessProof: "other" }),
})) {
  test(`a record that is ${change} is replaced by one fresh record, or an error that says so`, async (t) => {
    const site = createSite(t);
    const plain = site.save(ID, "picture");
    const client = createClient();
    const record = await wrong(plain, await client.getRecord(ID));
    await show(client, ID);
    const count = () => site.asked.filter((path) => path === "/records").length;
    const before = count();
    assert.equal(await textOf(await client.getImage(record)), "picture");
    assert.equal(count(), before + 1);
    let asked = 0;
    const refreshRecord = async () => {
      asked += 1;
      return record;
    };
    await assert.rejects(client.getImage(record, { refreshRecord }), (error) => error.reason === "sealed" || error.state === 5);
    assert.equal(asked, 1);
    site.set("down");
    assert.equal(await textOf(await client.getImage(record)), "picture", "without a network the stored record opens it");
    assert.equal((await client.stats()).images, 1);
  });
}

test("an option that is neither true nor false is refused", () => {
  assert.throws(() => createClient({ offline: "yes" }), { name: "ConfigError", message: "offline must be one of true, false" });
});
