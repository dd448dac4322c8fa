/** A sealed record that does not open ends in the picture after one fresh record, or in one clear error. Nothing loops. */

import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { createAnswer } from "../../js_client/src/service-worker/answer.js";
import { createView } from "../../js_client/src/view/index.js";
import { settle, setGlobal, textOf, unhandled, until } from "./support/page.js";
import { serveRecords } from "./support/records-server.js";
import { headerOf } from "./support/sealed.js";
import { createClient, ID, isStored } from "./support/site.js";

const RECORDS = { recordsUrl: "/records" };
const BINARY = { sealed: 125, iv: 12, tag: 16 };
const CODES = { id: /[A-Za-z0-9_-]/, statelessProof: /[!-~]/ };

const otherPage = () => headerOf(createClient({ cache: "off" }, null));
const failureOf = (promise) => promise.then(() => assert.fail("it did not fail"), (error) => error);

/** Replace one character of a text by another one that may stand there. */
function withCharacter(text, place, code, allowed) {
  const at = place % text.length;
  const other = String.fromCharCode(code);
  return allowed.test(other) && allowed.test(text[at]) ? text.slice(0, at) + other + text.slice(at + 1) : text;
}

/** Change one byte of one field. */
function changedIn(record, field, place, by) {
  if (field === "token") return { ...record, token: record.token + by };
  if (field in CODES) return { ...record, [field]: withCharacter(record[field], place, 33 + (by % 94), CODES[field]) };
  const bytes = Buffer.from(record.meta[field], "base64");
  bytes[place % BINARY[field]] ^= by;
  return { ...record, meta: { ...record.meta, [field]: bytes.toString("base64") } };
}

/** A record with one byte changed, as [field, place, by]. */
const changes = fc.tuple(
  fc.constantFrom("id", "token", "sealed", "iv", "tag", "statelessProof"),
  fc.nat(124),
  fc.integer({ min: 1, max: 255 }),
);

/** The kinds of error that an application gets for a changed record. */
const isClear = ({ name, reason }) =>
  ["RecordError sealed", "RefusedError InvalidProof", "NotFoundError NotFound"].includes(`${name} ${reason}`);

for (const [kind, cache] of [["a new image", "off"], ["a cached image", "encrypted"]]) {
  test(`${kind}: a record with one byte changed ends in the picture after one fresh record, or in one error`, async (t) => {
    const server = serveRecords(t);
    server.save(ID, "picture");
    const clients = [createClient({ cache, memoryBytes: 0 }, null), createClient({ cache, memoryBytes: 0, ...RECORDS }, null)];
    if (cache !== "off") {
      await clients[1].getImage(await clients[1].getRecord(ID));
      await isStored(clients[1]);
    }
    await fc.assert(
      fc.asyncProperty(changes, fc.nat(1), async (change, hasSource) => {
        const client = clients[hasSource];
        const record = server.record(ID, await headerOf(client));
        const changed = changedIn(record, ...change);
        fc.pre(JSON.stringify(changed) !== JSON.stringify(record));
        server.asked.records.length = server.asked.images.length = 0;
        const found = await client.getImage(changed).then(textOf, (error) => error);
        const { records, images } = server.asked;
        assert.ok(records.length <= hasSource, `${records}`);
        assert.ok(images.length <= 1 + hasSource, `${images}`);
        // Of an image with another id there is no record.
        const isFound = hasSource && change[0] !== "id";
        if (isFound) assert.deepEqual([found, records], ["picture", [ID]]);
        else assert.ok(isClear(found), `${found}`);
      }),
      { numRuns: 150 },
    );
  });
}

test("a field that is missing, of another type or of another length is an error without any request", async (t) => {
  const server = serveRecords(t);
  server.save(ID, "picture");
  const client = createClient(RECORDS, null);
  const record = server.record(ID, await headerOf(client));
  const reasons = { id: "id", token: "token", statelessProof: "proof", meta: "shape", sealed: "sealed", iv: "iv", tag: "tag" };
  const values = fc.constantFrom(undefined, null, "", " ", 0, -1, 1.5, true, [], {}, "é", "A", "=", "A".repeat(600));
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...Object.keys(reasons)), values, async (field, value) => {
      fc.pre(field !== "meta" || Object(value) !== value);
      fc.pre(field !== "id" || value !== "A");
      fc.pre(field !== "statelessProof" || !["A", "="].includes(value));
      const changed = field in BINARY ? { ...record, meta: { ...record.meta, [field]: value } } : { ...record, [field]: value };
      const { name, reason } = await failureOf(client.getImage(changed));
      assert.deepEqual([name, reason], ["RecordError", reasons[field]]);
    }),
  );
  assert.deepEqual([server.asked.records, server.asked.images], [[], []]);
  assert.equal(await textOf(await client.getImage({ ...record, format: "gif", kind: 7 })), "picture");
});

/** Records that this page can't use, by name. */
const UNUSABLE = {
  "of another page": async (server) => server.record(ID, await otherPage()),
  "of another audience": async (server, own) => server.record(ID, own, "bob"),
  "of an older token": async (server, own) => {
    const old = server.record(ID, own);
    server.save(ID, "picture", { token: 2 });
    return old;
  },
};

for (const [name, recordOf] of Object.entries(UNUSABLE)) {
  test(`a record ${name} ends in the picture after one fresh record, or in one error`, async (t) => {
    const server = serveRecords(t);
    for (const config of [{ cache: "off" }, { cache: "off", ...RECORDS }]) {
      server.save(ID, "picture");
      const client = createClient(config, null);
      const record = await recordOf(server, await headerOf(client));
      server.asked.images.length = 0;
      const found = await client.getImage(record).then(textOf, (error) => error);
      assert.ok(config.recordsUrl ? found === "picture" : isClear(found), `${found}`);
      assert.deepEqual(server.asked.records, config.recordsUrl ? [ID] : []);
      assert.equal(server.asked.images.length, config.recordsUrl ? 2 : 1);
    }
  });
}

test("in a batch each unusable record costs one fresh record, all of them one request, and the others nothing", async (t) => {
  const server = serveRecords(t);
  const client = createClient({ cache: "off", ...RECORDS }, null);
  const [own, other] = [await headerOf(client), await otherPage()];
  const ids = Array.from({ length: 20 }, (_, index) => `players:${index}`);
  for (const id of ids) server.save(id, id);
  const foreign = ids.filter((_, index) => index % 2);
  const records = ids.map((id) => server.record(id, foreign.includes(id) ? other : own));
  const found = [];
  for await (const { record, blob, error } of client.getImages(records)) found.push(error ?? [record.id, await textOf(blob)]);
  assert.deepEqual(found.sort(), ids.map((id) => [id, id]).sort());
  assert.deepEqual([server.asked.records.sort(), server.asked.images.length], [foreign.sort(), 30]);
});

test("a record of another page with a copy of the ciphertext asks for the copy twice, and for one fresh record", async (t) => {
  const withCopy = (record) => ({ ...record, ciphertextUrl: `https://cdn.test/copies/${record.id}` });
  const server = serveRecords(t, withCopy);
  server.save(ID, "picture");
  const client = createClient({ cache: "off", ...RECORDS }, null);
  const record = withCopy(server.record(ID, await otherPage()));
  assert.equal(await textOf(await client.getImage(record)), "picture");
  const { records, images, copies } = server.asked;
  assert.deepEqual([records.length, copies.length], [1, 2]);
  assert.ok(images.length <= 1);
});

test("a tab opens an image that another tab has stored by one fresh record, if it has the other tab's", async (t) => {
  const server = serveRecords(t);
  server.save(ID, "picture");
  const [first, second] = [createClient(RECORDS, null), createClient(RECORDS, null)];
  const record = server.record(ID, await headerOf(first));
  await first.getImage(record);
  await isStored(first);
  assert.equal(await textOf(await second.getImage(record)), "picture");
  assert.deepEqual([server.asked.records, server.asked.images], [[ID], [ID]]);
});

/** A broken application, which seals each record to another page. */
async function serveBroken(t) {
  const other = await otherPage();
  const server = serveRecords(t, ({ id }) => server.record(id, other));
  server.save(ID, "picture");
  return server;
}

test("a source that always seals to another page is asked once by each call, and then there is an error", async (t) => {
  const server = await serveBroken(t);
  const reasons = unhandled(t);
  const client = createClient({ cache: "off", ...RECORDS }, null);
  for (let call = 1; call <= 3; call += 1) {
    const { name, message } = await failureOf(client.getImage(server.record(ID, await otherPage())));
    assert.deepEqual([name, message], ["RecordError", "the record is sealed to another page, or was changed"]);
    assert.deepEqual([server.asked.records.length, server.asked.images.length], [call, 2 * call]);
  }
  for await (const { error } of client.getImages([server.record(ID, await otherPage())])) assert.ok(isClear(error));
  assert.equal(server.asked.records.length, 4);
  await settle();
  assert.deepEqual(reasons, []);
});

test("fifty callers with unusable records of one image cost one fresh record each at most", async (t) => {
  const server = await serveBroken(t);
  const client = createClient({ cache: "off", ...RECORDS }, null);
  const other = await otherPage();
  const records = Array.from({ length: 50 }, () => server.record(ID, other));
  const errors = await Promise.all(records.map((record) => failureOf(client.getImage(record))));
  assert.ok(errors.every(isClear));
  assert.ok(server.asked.records.length <= 50);
  assert.ok(server.asked.images.length <= 100);
});

test("a view tries once, stays with its error, and tries once more when it is shown again", async (t) => {
  setGlobal(t, "Image", class { async decode() {} });
  const server = await serveBroken(t);
  const client = createClient({ cache: "off", ...RECORDS }, null);
  const record = server.record(ID, await otherPage());
  for (const [source, perTry] of [[record, 1], [ID, 2]]) {
    const states = [];
    const view = createView(client, ({ status, error }) => states.push(error ? `${status} ${error.reason}` : status));
    server.asked.records.length = server.asked.images.length = 0;
    for (let turn = 1; turn <= 3; turn += 1) {
      for (let rendering = 0; rendering < 3; rendering += 1) view.show(source);
      await until(() => states.at(-1) === "error sealed");
      view.show(source);
      await settle();
      assert.deepEqual([server.asked.records.length, server.asked.images.length], [perTry * turn, 2 * turn]);
      view.hide();
    }
    view.end();
  }
});

for (const [name, firstBad, expected] of [["once", 1, [200, 2, 2]], ["always", Infinity, [502, 2, 2]]]) {
  test(`the service worker's <img>: a source that ${name} seals to another page is asked twice in all`, async (t) => {
    const other = await otherPage();
    const server = serveRecords(t, (record, count) => (count > firstBad ? record : server.record(record.id, other)));
    server.save(ID, "picture");
    const answer = createAnswer(createClient({ cache: "off", ...RECORDS }, null), "https://page.test/-/image/");
    const request = { url: `https://page.test/-/image/${ID}`, method: "GET", mode: "no-cors", destination: "image" };
    const response = await answer(request);
    assert.deepEqual([response.status, server.asked.records.length, server.asked.images.length], expected);
    const text = await response.text();
    assert.equal(text, name === "once" ? "picture" : "RecordError: the record is sealed to another page, or was changed");
  });
}
