/** Object URLs: one of each image, as long as somebody shows it, at once where the image is in memory. */

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { RecordError } from "../../js_client/src/index.js";
import { openUrls } from "./support/page.js";
import { createClient, ID, server } from "./support/site.js";

/** The URLs that are there. */
let urls;

beforeEach((t) => {
  urls = openUrls(t);
});

const textBehind = async (url) => (await fetch(url)).text();

test("an object URL leads to the image until it is released", async () => {
  const client = createClient();
  const { url, release } = await client.objectUrl(server.save(ID, "picture"));
  assert.equal(await textBehind(url), "picture");
  release();
  assert.equal(urls.size, 0);
});

test("all holders of an image share one URL, which the last of them revokes", async () => {
  const client = createClient();
  const record = server.save(ID, "a picture");
  const first = await client.objectUrl(record);
  const second = await client.objectUrl(record);
  const third = client.peek(record);
  assert.equal(first.url, second.url);
  assert.equal(first.url, third.url);
  first.release();
  third.release();
  assert.equal(urls.size, 1);
  second.release();
  assert.equal(urls.size, 0);
});

test("releasing twice does not take the URL from other holders", async () => {
  const client = createClient();
  const record = server.save(ID, "a picture");
  const [first, second] = [await client.objectUrl(record), await client.objectUrl(record)];
  first.release();
  first.release();
  assert.equal(urls.size, 1);
  second.release();
});

test("once released, an image that is in memory has a URL again at once", async () => {
  const client = createClient();
  const record = server.save(ID, "picture");
  (await client.objectUrl(record)).release();
  const { url, release } = client.peek(record);
  assert.equal(await textBehind(url), "picture");
  release();
});

test("there is nothing at once where the image isn't in memory, or another version is", async () => {
  const client = createClient();
  const before = server.save(ID, "a picture");
  assert.equal(client.peek(before), undefined);
  await client.getImage(before);
  assert.equal(client.peek(server.save(ID, "another", { token: 2 })), undefined);
  await client.clear();
  assert.equal(client.peek(before), undefined);
});

test("an invalid record has nothing in memory, and is refused", async () => {
  const client = createClient();
  for (const unusable of [{ id: ID }, null, undefined, ID]) assert.equal(client.peek(unusable), undefined);
  await assert.rejects(client.objectUrl({ id: ID }), RecordError);
});

test("a call that was left makes no URL", async () => {
  const client = createClient();
  await assert.rejects(client.objectUrl(server.save(ID, "a picture"), { signal: AbortSignal.abort() }), { name: "AbortError" });
  assert.equal(urls.size, 0);
});

test("listeners hear of a deleted image and of a clear in any tab, until they are removed", async () => {
  const [mine, other] = [createClient(), createClient()];
  const told = [];
  const end = mine.onRemoved(({ type, id }) => told.push(id ? `${type} ${id}` : type));
  await mine.getImage(server.save(ID, "a picture"));
  await mine.deleteCachedImage(ID);
  // Before its storage has it removed, and after.
  assert.deepEqual(told.splice(0), [`deleted ${ID}`, `deleted ${ID}`]);
  await mine.clear();
  assert.deepEqual(told.splice(0), ["cleared", "emptied"]);
  await other.clear();
  while (told.length < 2) await new Promise((go) => setTimeout(go));
  assert.deepEqual(told.splice(0), ["cleared", "emptied"]);
  end();
  await mine.clear();
  assert.deepEqual(told, []);
});

test("listeners of a replaced client are told to show their images again", () => {
  const client = createClient();
  const told = [];
  client.onRemoved(({ type }) => told.push(type));
  client.close();
  assert.deepEqual(told, ["emptied"]);
});

test("a listener that fails keeps nothing from the others, and its error is the page's to hear of", async (t) => {
  const failure = new Error("the page's own");
  const rejections = process.listeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection");
  const heard = new Promise((resolve) => process.once("unhandledRejection", resolve));
  t.after(() => rejections.forEach((listener) => process.on("unhandledRejection", listener)));
  const client = createClient();
  client.onRemoved(() => {
    throw failure;
  });
  const told = [];
  client.onRemoved(({ type }) => told.push(type));
  client.close();
  assert.deepEqual(told, ["emptied"]);
  assert.equal(await heard, failure);
});
