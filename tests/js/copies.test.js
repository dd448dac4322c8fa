/** Copies of the ciphertext: how they are requested, and that the endpoint replaces a copy that fails. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { beforeEach, test } from "node:test";

import { createClient, NotFoundError } from "../../js_client/src/index.js";
import { createCopies } from "../../js_client/src/network/copies.js";
import { textOf, until } from "./support/page.js";
import { createServer, successPayload } from "./support/server.js";
import { emptyStorage } from "./support/storage.js";

beforeEach(emptyStorage);

/** A stub of the application, and a server of copies that answers with `respond`. */
async function start(t, respond = (response, ciphertext) => response.end(ciphertext), timeoutMs = 10_000) {
  const images = createServer();
  const asked = [];
  const copies = createHttpServer((request, response) => {
    asked.push(request);
    const version = images.version(request.url.slice(1));
    respond(response, successPayload(version).subarray(1), request);
  }).listen(0, "127.0.0.1");
  await once(copies, "listening");
  const stop = () => (copies.closeAllConnections(), copies.close());
  t.after(stop);
  const url = `http://127.0.0.1:${copies.address().port}`;
  const save = (id) => ({ ...images.save(id, `of ${id}`), ciphertextUrl: `${url}/${id}` });
  return { images, asked, save, stop, client: createClient({ retries: 0, timeoutMs }, images.fetcher) };
}

test("a copy is requested without proof, token or cookie, and the application is not asked", async (t) => {
  const { images, asked, save, client } = await start(t);
  const record = save("a");
  const heard = [];
  const image = await client.getImage(record, { onProgress: ({ loaded, total }) => heard.push([loaded, total]) });
  assert.equal(await textOf(image), "of a");
  assert.deepEqual([asked.length, images.requests.length], [1, 0]);
  const sent = Object.keys(asked[0].headers);
  assert.deepEqual(sent.filter((name) => /pixstore|cookie|authorization/.test(name)), []);
  assert.equal(heard.at(-1)[0], heard.at(-1)[1]);
  await until(() => client.cachedImageExists("a"));
});

test("an image from a copy is cached, so neither server is asked again", async (t) => {
  const { images, asked, save, client } = await start(t);
  const record = save("a");
  await client.getImage(record);
  await until(async () => (await client.stats()).images === 1);
  const other = createClient({ memoryBytes: 0 }, images.fetcher);
  assert.equal(await textOf(await other.getImage(record)), "of a");
  assert.deepEqual([asked.length, images.requests.length], [1, 0]);
});

const MEBIBYTE = new Uint8Array(2 ** 20);

const FAILURES = {
  "another status": (response) => response.writeHead(404).end(),
  "a failing server": (response) => response.writeHead(503).end(),
  "garbage": (response) => response.end("<html>not here</html>"),
  "changed bytes": (response, ciphertext) => response.end(ciphertext.map((byte) => byte ^ 1)),
  "nothing": (response) => response.end(),
  "less than was said": (response, ciphertext) => {
    response.writeHead(200, { "content-length": ciphertext.length + 9 });
    response.write(ciphertext);
    setTimeout(() => response.destroy(), 20);
  },
  "no answer": () => {},
  "an answer that stands still": (response, ciphertext) => response.write(ciphertext),
  "an answer that trickles": (response) => {
    const timer = setInterval(() => response.write("."), 50);
    response.on("close", () => clearInterval(timer));
  },
  "an answer without an end": (response) => {
    const write = () => {
      while (!response.destroyed && response.write(MEBIBYTE));
    };
    response.on("drain", write);
    write();
  },
  "a closed connection": (response) => response.destroy(),
  "a redirect without end": (response, _, request) => response.writeHead(302, { location: request.url }).end(),
};

for (const [failure, respond] of Object.entries(FAILURES)) {
  test(`the application is asked if the copy is ${failure}`, async (t) => {
    const { images, asked, save, client } = await start(t, respond, 300);
    assert.equal(await textOf(await client.getImage(save("a"))), "of a");
    assert.equal(images.requests.length, 1);
    assert.ok(asked.length > 0);
  });
}

test("all copies under way have at most 192 MiB together: an endless one is given up, honest ones are not", async (t) => {
  const asked = [];
  let most = 30;
  t.mock.method(globalThis, "fetch", async (_, { signal }) => {
    const copy = { most, pieces: 0 };
    asked.push(copy);
    return new Response(new ReadableStream({
      start: (body) => (copy.end = () => body.close()),
      pull(body) {
        signal.throwIfAborted();
        if (copy.pieces === copy.most) return new Promise(() => {});
        copy.pieces += 1;
        body.enqueue(MEBIBYTE);
      },
    }, { highWaterMark: 0 }));
  });
  const copies = createCopies({ parallel: 10, timeoutMs: 5000 });
  const record = { width: 12_000, height: 9000 };
  const ask = () => copies({ parsed: { copy: "https://cdn.example/a" }, record, priority: "auto", signal: new AbortController().signal });
  const honest = Array.from({ length: 6 }, ask);
  await until(() => asked.length === 6 && asked.every(({ pieces }) => pieces === most));
  most = 1000;
  await assert.rejects(ask());
  assert.ok(asked[6].pieces >= 12 && asked[6].pieces < 20, `${asked[6].pieces} MiB`);
  for (const { end } of asked.slice(0, 6)) end();
  for (const body of await Promise.all(honest)) assert.equal(body.length, 30 * MEBIBYTE.length);
  // The bytes of copies that have ended no longer count. After the pause copies are requested again.
  t.mock.timers.enable({ apis: ["Date"], now: Date.now() + 30_001 });
  most = 170;
  const next = ask();
  await until(() => asked[7].pieces === most);
  asked[7].end();
  assert.equal((await next).length, 170 * MEBIBYTE.length);
});

test("the application is asked if the server of copies is gone or the URL is invalid", async (t) => {
  const { images, asked, save, stop } = await start(t);
  stop();
  const record = save("a");
  const urls = [record.ciphertextUrl, undefined, "data:,a", "http://"];
  for (const ciphertextUrl of urls) {
    const { getImage } = createClient({ cache: "off" }, images.fetcher);
    assert.equal(await textOf(await getImage({ ...record, ciphertextUrl })), "of a");
  }
  assert.deepEqual([asked.length, images.requests.length], [0, 4]);
});

test("after a copy that did not answer, no copy is requested for half a minute; a refusal has no such effect", async (t) => {
  let answer = (response) => response.destroy();
  const { images, asked, save, client } = await start(t, (...request) => answer(...request));
  const [first, second, third, fourth] = ["a", "b", "c", "d"].map(save);
  await client.getImage(first);
  const before = asked.length;
  answer = (response) => response.writeHead(404).end();
  await client.getImage(second);
  assert.equal(asked.length, before);
  t.mock.timers.enable({ apis: ["Date"], now: Date.now() + 30_001 });
  await client.getImage(third);
  answer = (response, ciphertext) => response.end(ciphertext);
  await client.getImage(fourth);
  assert.deepEqual([asked.length - before, images.requests.length], [2, 3]);
});

test("if both fail, the caller gets the application's answer", async (t) => {
  const { save } = await start(t, (response) => response.writeHead(404).end());
  const client = createClient({ retries: 0 }, createServer().fetcher);
  await assert.rejects(client.getImage(save("a")), NotFoundError);
});

test("a caller who leaves ends the request for a copy, and the application is not asked", async (t) => {
  const { images, asked, save, client } = await start(t, (response, ciphertext) => response.write(ciphertext));
  const controller = new AbortController();
  const image = client.getImage(save("a"), { signal: controller.signal });
  await until(() => asked.length === 1);
  controller.abort();
  await assert.rejects(image, { name: "AbortError" });
  await until(() => asked[0].socket.destroyed);
  assert.equal(images.requests.length, 0);
});
