/** Sealed records: keys are unwrapped to handles. sealed-refusals.test.js has the records that do not open. */

import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { createRecipient } from "../../js_client/src/crypto/recipient.js";
import { parseRecord } from "../../js_client/src/format/records.js";
import { RefusedError } from "../../js_client/src/index.js";
import { setGlobal, settle, textOf, unhandled } from "./support/page.js";
import { HEADER, headerOf, isSealed, sealerFor } from "./support/sealed.js";
import { recordOf, seal, successPayload } from "./support/server.js";
import { createClient, ID, isStored, server } from "./support/site.js";

/** Answer recordsUrl with sealed records of a plain one, or with `answer` of the request's header. */
function answerSealed(t, record, answer = (recipient) => sealerFor(recipient)(record)) {
  const asked = [];
  setGlobal(t, "fetch", async (url, { headers }) => {
    asked.push(headers[HEADER]);
    return Response.json({ [record.id]: answer(headers[HEADER]) });
  });
  return asked;
}

/** A record that is sealed to another page. */
const foreign = async (record) => sealerFor((await createRecipient().headers())[HEADER])(record);

/** Note the keys whose bytes WebCrypto gets from JavaScript. */
function importedKeys(t) {
  const imported = [];
  const { importKey } = crypto.subtle;
  t.mock.method(crypto.subtle, "importKey", (...given) => {
    if (given[2] === "AES-GCM") imported.push(given[1]);
    return importKey.apply(crypto.subtle, given);
  });
  return imported;
}

test("recordsUrl seals to the client, which shows the image without its key in JavaScript", async (t) => {
  const asked = answerSealed(t, server.save(ID, "picture"));
  const imported = importedKeys(t);
  const client = createClient({ recordsUrl: "/records" });
  const record = await client.getRecord(ID);
  assert.deepEqual(Object.keys(record.meta), ["sealed", "iv", "tag"]);
  assert.equal(await textOf(await client.getImage(record)), "picture");
  assert.match(asked[0], /^[A-Za-z0-9_-]{87}$/);
  assert.deepEqual(imported, []);
});

test("the page's own requests get the same header, and a stored image opens with a later record", async (t) => {
  const plain = server.save(ID, "picture");
  const imported = importedKeys(t);
  const client = createClient({ memoryBytes: 0 });
  const recipient = await headerOf(client);
  assert.equal(await headerOf(client), recipient);
  for (let answer = 0; answer < 2; answer += 1) {
    assert.equal(await textOf(await client.getImage(sealerFor(recipient)(plain))), "picture");
    await isStored(client);
  }
  assert.deepEqual([server.requests.length, imported.length, (await client.stats()).hits], [1, 0, 1]);
});

test("without a source of records the first record is the error, and a stored image stays", async () => {
  const plain = server.save(ID, "picture");
  const client = createClient({ memoryBytes: 0 });
  await client.getImage(plain);
  await isStored(client);
  await assert.rejects(client.getImage(await foreign(plain)), isSealed);
  assert.equal(await textOf(await client.getImage(plain)), "picture");
  assert.equal(server.requests.length, 1);
});

test("Updated is refused for a sealed record, and a fresh record gives the newer version", async (t) => {
  const client = createClient({ recordsUrl: "/records" });
  const old = sealerFor(await headerOf(client))(server.save(ID, "old"));
  const asked = answerSealed(t, server.save(ID, "new", { token: 2 }));
  assert.equal(await textOf(await client.getImage(old)), "new");
  assert.equal(asked.length, 1);
  const without = createClient({ databaseName: "without" });
  const record = sealerFor(await headerOf(without))(recordOf(ID, { ...server.version(ID), token: 1 }));
  await assert.rejects(without.getImage(record), (error) => error instanceof RefusedError && error.state === 5);
});

test("after clear() the page has another pair, and kept records open nothing", async () => {
  const client = createClient();
  const recipient = await headerOf(client);
  const kept = sealerFor(recipient)(server.save(ID, "picture"));
  assert.equal(await textOf(await client.getImage(kept)), "picture");
  await client.clear();
  assert.notEqual(await headerOf(client), recipient);
  await assert.rejects(client.getImage(kept), isSealed);
});

test("two clients of a page have pairs of their own", async () => {
  const [one, other] = [createClient(), createClient()];
  assert.notEqual(await headerOf(one), await headerOf(other));
});

test("without WebCrypto there is no header, and records of another origin are plain", async (t) => {
  const plain = server.save(ID, "picture");
  const asked = answerSealed(t, plain, () => plain);
  setGlobal(t, "location", new URL("https://app.example/page"));
  await createClient({ recordsUrl: "https://api.example/records" }).getRecord(ID);
  await createClient({ recordsUrl: "/records" }).getRecord(ID);
  setGlobal(t, "crypto", { ...crypto, subtle: undefined });
  const client = createClient({ recordsUrl: "/records" });
  await client.getRecord(ID);
  assert.deepEqual(await client.recipientHeaders(), {});
  assert.deepEqual(asked.map((header) => typeof header), ["undefined", "string", "undefined"]);
});

test("without WebCrypto a sealed record is an error that says so, and no rejection is left unhandled", async (t) => {
  const record = await foreign(server.save(ID, "picture"));
  const reasons = unhandled(t);
  setGlobal(t, "crypto", { ...crypto, subtle: undefined });
  await assert.rejects(createClient().getImage(record), { name: "PixstoreError", message: /no WebCrypto/ });
  await settle();
  assert.deepEqual(reasons, []);
});

test("sealed images of one tick go out in batches", async (t) => {
  const client = createClient({ cache: "off" }, null);
  const sealKey = sealerFor(await headerOf(client));
  const versions = new Map();
  const records = Array.from({ length: 30 }, (_, index) => {
    versions.set(`a${index}`, { token: 1, ...seal(Buffer.from(`image ${index}`)) });
    return sealKey(recordOf(`a${index}`, versions.get(`a${index}`)));
  });
  const sizes = [];
  setGlobal(t, "fetch", async (_, { body }) => {
    const { images } = JSON.parse(body);
    sizes.push(images.length);
    return new Response(Buffer.concat(images.map(({ id }, index) => frame(index, successPayload(versions.get(id))))));
  });
  const images = await Promise.all(records.map((record) => client.getImage(record)));
  assert.deepEqual(await Promise.all(images.map(textOf)), records.map((_, index) => `image ${index}`));
  assert.deepEqual(sizes.sort(), [25, 5]);
});

function frame(index, body) {
  const head = Buffer.alloc(7);
  head.writeUInt8(index);
  head.writeUInt16LE(200, 1);
  head.writeUInt32LE(body.length, 3);
  return Buffer.concat([head, body]);
}

test("callers of one sealed record share its load, and one with a record of another page gets it too", async (t) => {
  const plain = server.save(ID, "picture");
  answerSealed(t, plain);
  const client = createClient({ recordsUrl: "/records" });
  const own = sealerFor(await headerOf(client))(plain);
  const images = await Promise.all([own, await foreign(plain), own].map((record) => client.getImage(record)));
  assert.deepEqual(await Promise.all(images.map(textOf)), ["picture", "picture", "picture"]);
});

const base64 = (size) => fc.uint8Array({ minLength: size, maxLength: size }).map((bytes) => Buffer.from(bytes).toString("base64"));
const printable = fc.string({ unit: fc.integer({ min: 33, max: 126 }).map((code) => String.fromCharCode(code)), minLength: 1, maxLength: 60 });
const plainRecords = fc.record({
  id: fc.stringMatching(/^[A-Za-z0-9_-]{1,64}(:[A-Za-z0-9_-]{1,128})?(~[a-z0-9_-]{1,32})?$/),
  token: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  meta: fc.record({ key: base64(32), iv: base64(12), tag: base64(16) }),
  statelessProof: printable,
});

test("every field of a sealed record is bound: with one of another record it does not open", async () => {
  const recipient = createRecipient();
  const sealKey = sealerFor((await recipient.headers())[HEADER]);
  const fields = fc.constantFrom("id", "token", "iv", "tag", "statelessProof", "sealed");
  await fc.assert(
    fc.asyncProperty(plainRecords, plainRecords, fields, async (plain, other, field) => {
      const record = sealKey(plain);
      assert.ok(await recipient.opened(parseRecord(record)).key);
      const { meta, ...rest } = sealKey(other);
      const changed = field in rest
        ? { ...record, [field]: rest[field] }
        : { ...record, meta: { ...record.meta, [field]: meta[field] } };
      fc.pre(JSON.stringify(changed) !== JSON.stringify(record));
      await assert.rejects(recipient.opened(parseRecord(changed)).key, isSealed);
    }),
  );
});

test("every byte of a sealed key counts", async () => {
  const recipient = createRecipient();
  const record = sealerFor((await recipient.headers())[HEADER])(server.save(ID, "picture"));
  const sealed = Buffer.from(record.meta.sealed, "base64");
  for (let place = 0; place < sealed.length; place += 1) {
    const changed = Buffer.from(sealed);
    changed[place] ^= 1 + (place % 255);
    const parsed = parseRecord({ ...record, meta: { ...record.meta, sealed: changed.toString("base64") } });
    await assert.rejects(recipient.opened(parsed).key, isSealed, `byte ${place}`);
  }
});

test("a key that nothing waits for fails without an unhandled rejection", async (t) => {
  const reasons = unhandled(t);
  createRecipient().opened(parseRecord(await foreign(server.save(ID, "picture"))));
  await settle();
  assert.deepEqual(reasons, []);
});

test("no error shows a key, a point or a proof", async () => {
  const plain = server.save(ID, "picture");
  const record = await foreign(plain);
  const client = createClient();
  const recipient = await headerOf(client);
  const error = await client.getImage(record).catch((caught) => caught);
  const text = `${error} ${error.stack} ${error.cause} ${JSON.stringify(error)}`;
  for (const hidden of [plain.meta.key, record.meta.sealed, recipient]) assert.ok(!text.includes(hidden.slice(0, 16)));
});
