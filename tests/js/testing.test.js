/** The client for tests of pages: it behaves as the real one, and a test can control and inspect it. */

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { ConfigError, createClient, FetchError, NotFoundError, RecordError, RefusedError } from "../../js_client/src/index.js";
import { createTestClient, fillInBrowser, samplePng } from "../../js_client/src/testing/index.js";
import { formatByteOf } from "../../js_client/src/testing/images.js";
import { createView } from "../../js_client/src/view/index.js";
import { setGlobal, until, openUrls } from "./support/page.js";
import { SITES } from "./support/sites.js";
import { emptyStorage } from "./support/storage.js";

const ID = "players:abc";
const OTHER = "players:def";
const JPEG = Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 1, 2, 3);

beforeEach(emptyStorage);

const bytesOf = async (blob) => new Uint8Array(await blob.arrayBuffer());
const failureOf = (promise) => promise.then(() => assert.fail("it did not fail"), (error) => error);

/** Facts that hold for both. */
const SAME = {
  "an image comes as a Blob of its type, with its bytes": async ({ client, add }) => {
    const image = await client.getImage(add(ID, samplePng()));
    assert.equal(image.type, "image/png");
    assert.deepEqual(await bytesOf(image), samplePng());
    assert.equal((await client.getImage(add(OTHER, JPEG))).type, "image/jpeg");
  },

  "an image that was shown comes out of memory": async ({ client, add }) => {
    const record = add(ID, samplePng());
    const image = await client.getImage(record);
    assert.equal(await client.getImage(record), image);
    const { hits, downloads, memoryImages, memoryBytes } = await client.stats();
    assert.deepEqual([hits, downloads, memoryImages, memoryBytes], [1, 1, 1, samplePng().length]);
    assert.deepEqual([await client.cachedImageExists(ID), await client.cachedImageExists(OTHER)], [true, false]);
  },

  "calls for one version share one load": async ({ client, add }) => {
    const record = add(ID, samplePng());
    const [first, second] = await Promise.all([client.getImage(record), client.getImage(record)]);
    assert.equal(first, second);
    assert.equal((await client.stats()).downloads, 1);
  },

  "all holders of an image share one URL, which the last of them revokes": async ({ client, add, urls }) => {
    const record = add(ID, samplePng());
    assert.equal(client.peek(record), undefined);
    const [first, second] = [await client.objectUrl(record), client.peek(record)];
    assert.equal(first.url, second.url);
    first.release();
    first.release();
    assert.equal(urls.size, 1);
    second.release();
    assert.equal(urls.size, 0);
  },

  "of many images each comes, or its error": async ({ client, add }) => {
    const records = [add(ID, samplePng()), { ...add(OTHER, JPEG), token: -1 }];
    const results = new Map();
    for await (const { record, blob, error } of client.getImages(records)) results.set(record, error?.name ?? blob.type);
    assert.deepEqual(records.map((record) => results.get(record)), ["image/png", "RecordError"]);
  },

  "there are fresh records of images and of variants": async ({ client, add }) => {
    add(ID, samplePng(), { thumb: JPEG });
    const record = await client.getRecord(ID);
    assert.equal(record.id, ID);
    assert.equal(record.variants.thumb.id, `${ID}~thumb`);
    assert.equal((await client.getImage(await client.getRecord(`${ID}~thumb`))).type, "image/jpeg");
    for (const id of [OTHER, `${ID}~card`]) await assert.rejects(client.getRecord(id), NotFoundError);
  },

  "an old record brings the new version, and is in memory under both": async ({ client, add, update }) => {
    const old = add(ID, samplePng());
    await client.getImage(old);
    const fresh = update(ID, JPEG);
    assert.ok(fresh.token > old.token);
    assert.equal((await client.getImage(old)).type, "image/png", "it is in memory");
    await client.deleteCachedImage(ID);
    const image = await client.getImage(old);
    assert.equal(image.type, "image/jpeg");
    assert.equal(await client.getImage(fresh), image);
  },

  "an expired proof is replaced by a fresh one": async ({ client, add, expire }) => {
    const record = add(ID, samplePng());
    expire();
    assert.equal((await client.getImage(record)).type, "image/png");
  },

  "a sealed record shows its image, and its variants are sealed too": async ({ client, add, record }) => {
    add(ID, samplePng(), { thumb: JPEG });
    for (const sealed of [record(ID, await client.recipientHeaders()), await client.getRecord(ID)]) {
      assert.equal((await client.getImage(sealed)).type, "image/png");
      assert.equal((await client.getImage(sealed.variants.thumb)).type, "image/jpeg");
      for (const { meta } of [sealed, sealed.variants.thumb]) {
        assert.deepEqual([Object.keys(meta), Buffer.from(meta.sealed, "base64").length], [["sealed", "iv", "tag"], 125]);
      }
      await client.deleteCachedImage(ID);
    }
  },

  "a record of another page is replaced by a fresh one": async ({ client, add, record, otherPage }) => {
    add(ID, samplePng());
    assert.equal((await client.getImage(record(ID, await otherPage()))).type, "image/png");
  },

  "an old sealed record brings the new version": async ({ client, add, update, record }) => {
    add(ID, samplePng());
    const old = record(ID, await client.recipientHeaders());
    update(ID, JPEG);
    assert.equal((await client.getImage(old)).type, "image/jpeg");
  },

  "an image that was removed is gone": async ({ client, add, remove }) => {
    const record = add(ID, samplePng());
    remove(ID);
    await assert.rejects(client.getImage(record), NotFoundError);
    await assert.rejects(client.getRecord(ID), NotFoundError);
  },

  "a held image comes when it is released, and a caller that leaves gets the reason": async ({ client, add, hold, release }) => {
    const record = add(ID, samplePng());
    hold(ID);
    const leaving = new AbortController();
    const [stays, leaves] = [client.getImage(record), client.getImage(record, { signal: leaving.signal })];
    leaving.abort(new Error("unmounted"));
    await assert.rejects(leaves, { message: "unmounted" });
    release(ID);
    assert.equal((await stays).type, "image/png");
  },

  "a signal that is aborted already starts nothing": async ({ client, add }) => {
    await assert.rejects(client.getImage(add(ID, samplePng()), { signal: AbortSignal.abort() }), { name: "AbortError" });
    assert.equal((await client.stats()).downloads, 0);
  },

  "deleted images are told of and fetched anew": async ({ client, add }) => {
    const record = add(ID, samplePng());
    const told = [];
    const end = client.onRemoved((removed) => told.push({ ...removed }));
    await client.getImage(record);
    assert.equal(await client.deleteCachedImage(ID), true);
    assert.equal(await client.deleteCachedImage(ID), false);
    assert.deepEqual(told, Array(4).fill({ type: "deleted", id: ID }));
    assert.equal(client.peek(record), undefined);
    end();
    await client.deleteCachedImage(ID);
    assert.equal(told.length, 4);
  },

  "a sign-out ends all loads and tells that all images must disappear": async ({ client, add, hold }) => {
    const [shown, coming] = [add(ID, samplePng()), add(OTHER, samplePng())];
    await client.getImage(shown);
    hold(OTHER);
    const image = failureOf(client.getImage(coming));
    const told = [];
    client.onRemoved(({ type }) => told.push(type));
    await client.clear();
    assert.deepEqual([(await image).name, (await image).message], ["AbortError", "the cache was cleared"]);
    assert.deepEqual(told, ["cleared", "emptied"]);
    assert.equal(client.peek(shown), undefined);
  },

  "a client that is closed tells so, and gives nothing more": async ({ client, add }) => {
    const record = add(ID, samplePng());
    const told = [];
    client.onRemoved(({ type }) => told.push(type));
    client.close();
    assert.deepEqual(told, ["emptied"]);
    const { name, message } = await failureOf(client.getImage(record));
    assert.deepEqual([name, message], ["AbortError", "the client is closed"]);
  },

  "an invalid record or option is refused": async ({ client, add }) => {
    const record = add(ID, samplePng());
    assert.equal(client.peek({ id: ID }), undefined);
    for (const call of ["getImage", "objectUrl"]) await assert.rejects(client[call](undefined), RecordError);
    await assert.rejects(client.getImage(record, { signals: 1 }), ConfigError);
  },

  "progress ends with all of the bytes": async ({ client, add }) => {
    const told = [];
    await client.getImage(add(ID, samplePng()), { onProgress: (received) => told.push(received) });
    await until(() => told.length);
    const { id, loaded, total } = told.at(-1);
    assert.deepEqual([id, loaded], [ID, total]);
    assert.ok(total > samplePng().length);
  },

  "a view shows its images, and lets go of them": async ({ client, add, update, fail, urls, t }) => {
    setGlobal(t, "Image", class { async decode() {} });
    const states = [];
    const view = createView(client, ({ status }) => states.push(status), () => {});
    const has = (status) => until(() => states.at(-1) === status);
    view.show(add(ID, samplePng()));
    await has("shown");
    view.show(update(ID, JPEG));
    await has("shown");
    await client.clear();
    assert.equal(states.at(-1), "idle");
    fail(OTHER, "busy");
    view.show((add(OTHER, JPEG), OTHER));
    await has("error");
    fail(OTHER, undefined);
    view.retry();
    await has("shown");
    view.hide();
    assert.equal(urls.size, 0);
  },
};

for (const [name, createSite] of Object.entries(SITES)) {
  for (const [sentence, check] of Object.entries(SAME)) {
    test(`${name}: ${sentence}`, (t) => check({ t, urls: openUrls(t), ...createSite(t) }));
  }

  test(`${name}: without a source of records an expired proof is refused, and none is got`, async (t) => {
    const { client, add, record, expire } = createSite(t, { refreshes: false });
    const old = add(ID, samplePng());
    expire();
    const { name, reason } = await failureOf(client.getImage(old));
    assert.deepEqual([name, reason], ["RefusedError", "InvalidProof"]);
    await assert.rejects(client.getRecord(ID), ConfigError);
    const contexts = [];
    const refreshRecord = (id, context) => (contexts.push([id, context]), record(id));
    assert.equal((await client.getImage(old, { refreshRecord, context: "page" })).type, "image/png");
    assert.deepEqual(contexts, [[ID, "page"]]);
  });
}

test("without a source of records, a sealed record fails as it does with a server", async (t) => {
  const errors = [];
  for (const createSite of Object.values(SITES)) {
    const { client, add, update, record, otherPage } = createSite(t, { refreshes: false });
    add(ID, samplePng());
    const headers = await client.recipientHeaders();
    assert.match(headers["pixstore-recipient"], /^[A-Za-z0-9_-]{87}$/);
    assert.deepEqual(await client.recipientHeaders(), headers);
    const own = record(ID, headers);
    const withProof = { ...own, statelessProof: record(ID, headers).statelessProof };
    const found = [];
    for (const each of [record(ID, await otherPage()), withProof]) found.push(await failureOf(client.getImage(each)));
    await client.clear();
    found.push(await failureOf(client.getImage(own)));
    const kept = record(ID, await client.recipientHeaders());
    update(ID, JPEG);
    found.push(await failureOf(client.getImage(kept)));
    errors.push(found.map(({ name, message, reason }) => [name, message, reason]));
  }
  const [real, made] = errors;
  assert.deepEqual(made, real);
  assert.deepEqual(real.map(([name, , reason]) => [name, reason]), [...Array(3).fill(["RecordError", "sealed"]), ["RefusedError", "InvalidProof"]]);
});

for (const failure of ["gone", "expired", "signed-out", "forbidden", "server", "busy", "offline", "damaged"]) {
  test(`an image that fails as "${failure}" fails as it does with a server`, async (t) => {
    const errors = [];
    for (const createSite of Object.values(SITES)) {
      const { client, add, fail } = createSite(t, { refreshes: false });
      const record = add(ID, samplePng());
      fail(ID, failure);
      errors.push(await failureOf(client.getImage(record)));
    }
    const [real, made] = errors.map((error) => [error.constructor, error.message, { ...error }, error.cause?.constructor]);
    assert.deepEqual(made, real);
  });
}

test("the test client has every function of the real one", (t) => {
  const real = createClient({ cache: "off" });
  t.after(real.close);
  const client = createTestClient();
  assert.deepEqual(Object.keys(real).filter((name) => typeof client[name] !== "function"), []);
  assert.ok(Object.isFrozen(client));
});

// The controls of a test

test("a record has the shape of the server's, with the picture's given description", () => {
  const client = createTestClient({ proofMs: 1000 });
  const before = Date.now();
  const record = client.addImage(ID, undefined, { placeholder: "1QcSHQRnh493V4dIh4eXh1h4kJUI", variants: { thumb: { width: 8, height: 6 } } });
  assert.deepEqual([record.id, record.token, record.width, record.height], [ID, 1, 16, 12]);
  assert.equal(record.placeholder, "1QcSHQRnh493V4dIh4eXh1h4kJUI");
  assert.ok(record.proofExpiresAt >= before + 1000);
  const { thumb } = record.variants;
  assert.deepEqual([thumb.id, thumb.width, thumb.height], [`${ID}~thumb`, 8, 6]);
  const { width, height, token, placeholder, variants } = client.update(ID, JPEG, { width: 100, height: 50 });
  assert.deepEqual([width, height, token, placeholder], [100, 50, 2, record.placeholder]);
  assert.deepEqual([variants.thumb.token, variants.thumb.width], [2, 8]);
});

test("a record is sealed to the page of the request's headers, and has no placeholder", async () => {
  const client = createTestClient({ refreshes: false });
  client.addImage(ID, undefined, { placeholder: "1QcSHQRnh493V4dIh4eXh1h4kJUI" });
  const headers = await client.recipientHeaders();
  for (const given of [headers, { accept: "*/*", ...headers }, new Headers(headers)]) {
    const record = JSON.parse(JSON.stringify(client.record(ID, given)));
    assert.deepEqual([Object.keys(record.meta), "placeholder" in record], [["sealed", "iv", "tag"], false]);
  }
  for (const given of [{}, new Headers(), undefined]) assert.ok(client.record(ID, given).meta.key);
  const real = await createClient({ cache: "off" }).recipientHeaders();
  assert.equal((await failureOf(client.getImage(client.record(ID, real)))).reason, "sealed");
});

test("sealed records need neither WebCrypto nor fetch, which a page of jsdom may lack", async (t) => {
  for (const name of ["crypto", "Headers", "fetch"]) setGlobal(t, name, undefined);
  const client = createTestClient({ refreshes: false });
  client.addImage(ID);
  assert.equal((await client.getImage(client.record(ID, await client.recipientHeaders()))).type, "image/png");
  await client.clear();
  const foreign = client.record(ID, await createTestClient().recipientHeaders());
  assert.equal((await failureOf(client.getImage(foreign))).reason, "sealed");
});

test("a token rises with every version, also after a removal", () => {
  const client = createTestClient();
  client.addImage(ID);
  client.remove(ID);
  assert.equal(client.addImage(ID).token, 2);
});

test("an unusable argument is refused at once, with a remedy", () => {
  const client = createTestClient();
  assert.throws(() => client.addImage("no id"), RecordError);
  for (const call of ["update", "record"]) assert.throws(() => client[call](ID), /there is no image players:abc: add it first/);
  client.addImage(ID);
  assert.throws(() => client.record(ID, { "pixstore-recipient": "page" }), /pixstore-recipient must come from recipientHeaders\(\)/);
  assert.throws(() => createTestClient({ delay: 1 }), /delay is no option/);
  assert.throws(() => createTestClient({ refreshes: "no" }), ConfigError);
});

test("an image fails so many times, with an error of one's own, its variants too, until it is told not to", async () => {
  const client = createTestClient();
  const { variants: { thumb }, ...record } = client.addImage(ID, undefined, { variants: { thumb: {} } });
  const error = new FetchError("no answer", { status: 504 });
  client.fail(ID, error, 2);
  assert.equal(await failureOf(client.getImage(record)), error);
  assert.equal(await failureOf(client.getImage(thumb)), error);
  assert.equal((await client.getImage(record)).type, "image/png");
  client.fail(ID, "forbidden");
  assert.ok((await failureOf(client.getImage(thumb))) instanceof RefusedError);
  client.fail(ID);
  assert.equal((await client.getImage(thumb)).type, "image/png");
});

test("a proof ends by the page's clock, too", async (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 1_000_000 });
  const client = createTestClient({ refreshes: false });
  const record = client.addImage(ID);
  t.mock.timers.tick(40_000);
  assert.equal((await failureOf(client.getImage(record))).reason, "InvalidProof");
  assert.equal((await client.getImage(client.record(ID))).type, "image/png");
});

test("loads take the time that they are told to take", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const client = createTestClient({ delayMs: 100 });
  const [record, slow] = [client.addImage(ID), client.addImage(OTHER)];
  client.delay(OTHER, 1000);
  const come = [];
  for (const each of [record, slow]) client.getImage(each).then(() => come.push(each.id));
  const pass = async (ms) => {
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
    t.mock.timers.tick(ms);
    for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
    return [...come];
  };
  assert.deepEqual(await pass(99), []);
  assert.deepEqual(await pass(1), [ID]);
  assert.deepEqual(await pass(900), [ID, OTHER]);
});

// The state that a test inspects

test("it lists loads, shown images and listeners, and in the end there are none", async () => {
  const client = createTestClient();
  const record = client.addImage(ID);
  client.hold(ID);
  const [objectUrl, end] = [client.objectUrl(record), client.onRemoved(() => {})];
  await until(() => client.state().loading.length);
  assert.deepEqual(client.state(), { loading: [ID], shown: [], listeners: 1 });
  client.release(ID);
  const [first, second] = [await objectUrl, client.peek(record)];
  assert.deepEqual(client.state(), { loading: [], shown: [ID, ID], listeners: 1 });
  for (const release of [first.release, first.release, end, end]) release();
  assert.deepEqual(client.state(), { loading: [], shown: [ID], listeners: 0 });
  second.release();
  assert.deepEqual(client.state(), { loading: [], shown: [], listeners: 0 });
});

test("a load that everybody has left is no longer under way", async () => {
  const client = createTestClient();
  const record = client.addImage(ID);
  client.hold(ID);
  const leaving = new AbortController();
  const image = failureOf(client.getImage(record, { signal: leaving.signal }));
  await until(() => client.state().loading.length);
  leaving.abort();
  assert.equal((await image).name, "AbortError");
  await until(() => !client.state().loading.length);
});

test("it counts calls, by function and by image", async () => {
  const client = createTestClient();
  const record = client.addImage(ID);
  await client.objectUrl(record);
  client.peek(record);
  client.peek(client.addImage(OTHER));
  assert.deepEqual([client.count("objectUrl", ID), client.count("peek"), client.count("peek", OTHER), client.count("getImage")], [1, 2, 1, 0]);
  assert.deepEqual(client.calls[0], { name: "objectUrl", id: ID });
});

test("the format of a picture is told by how it begins", () => {
  const beginnings = [samplePng(), JPEG, Buffer.from("GIF89a"), Buffer.from("RIFF\x10\0\0\0WEBP", "latin1"), Buffer.from("\0\0\0\x1cftypavif", "latin1")];
  assert.deepEqual(beginnings.map(formatByteOf), [1, 4, 5, 2, 6]);
  assert.equal(formatByteOf(Buffer.from("no picture")), 1);
});

// The features that jsdom lacks

test("a page without a renderer gets the missing features, and all of them are removed again", async () => {
  class HTMLImageElement {}
  const page = { URL: class {}, HTMLImageElement, DOMException };
  const takeBack = fillInBrowser(page);
  const url = page.URL.createObjectURL(new Blob([]));
  const image = Object.assign(new HTMLImageElement(), { src: url });
  await image.decode();
  page.URL.revokeObjectURL(url);
  await assert.rejects(image.decode(), { name: "EncodingError" });
  const seen = [];
  const observer = new page.IntersectionObserver((entries) => seen.push(...entries));
  observer.observe("element");
  observer.observe("gone before");
  observer.unobserve("gone before");
  await Promise.resolve();
  assert.deepEqual(seen, [{ target: "element", isIntersecting: true }]);
  takeBack();
  assert.deepEqual([Object.keys(page), "decode" in image, "createObjectURL" in page.URL], [["URL", "HTMLImageElement", "DOMException"], false, false]);
});

test("an observer that never calls back gives its place, as that of happy-dom does, and gets it back", () => {
  const Idle = class {};
  const page = { URL, IntersectionObserver: Idle, happyDOM: {} };
  const takeBack = fillInBrowser(page);
  assert.notEqual(page.IntersectionObserver, Idle);
  takeBack();
  assert.equal(page.IntersectionObserver, Idle);
});

test("existing features of a page stay", () => {
  const { createObjectURL } = URL;
  fillInBrowser()();
  assert.equal(URL.createObjectURL, createObjectURL);
  assert.equal("IntersectionObserver" in globalThis, false);
});
