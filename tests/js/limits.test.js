/** Limits of requests: how many run at once, how long they may be silent, and how they are read to their end. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { beforeEach, test } from "node:test";

import { createClient, FetchError, WireState } from "../../js_client/src/index.js";
import { settle, textOf, until } from "./support/page.js";
import { createServer, successPayload } from "./support/server.js";
import { emptyStorage } from "./support/storage.js";
import { frame, startHttp } from "./support/http.js";

beforeEach(emptyStorage);

test("no more than `parallel` requests run at once, and high priority goes first", async () => {
  const server = createServer();
  let running = 0;
  let most = 0;
  const order = [];
  const fetcher = async (record) => {
    order.push(record.id);
    running += 1;
    most = Math.max(most, running);
    await new Promise(setImmediate);
    running -= 1;
    return server.fetcher(record);
  };
  const { getImage } = createClient({ parallel: 2, cache: "off" }, fetcher);
  const priorities = ["low", "low", "low", "auto", "high"];
  const records = priorities.map((priority, index) => server.save(`${priority}-${index}`, "image"));
  await Promise.all(records.map((record, index) => getImage(record, { priority: priorities[index] })));
  assert.equal(most, 2);
  assert.deepEqual(order, ["low-0", "low-1", "high-4", "auto-3", "low-2"]);
});

test("a fetcher that ignores its signal gives up its place when its caller leaves, and is not called for a caller that has left", async () => {
  const server = createServer();
  const asked = [];
  const fetcher = (record) => {
    asked.push(record.id);
    return record.id.startsWith("hung") ? new Promise(() => {}) : server.fetcher(record);
  };
  const { getImage } = createClient({ parallel: 2, cache: "off" }, fetcher);
  const hung = [0, 1, 2].map((index) => server.save(`hung-${index}`, "image"));
  const controller = new AbortController();
  const left = hung.map((record) => getImage(record, { signal: controller.signal }));
  const waiting = getImage(server.save("good", "image"));
  await until(() => asked.length === 2);
  controller.abort();
  for (const { reason } of await Promise.allSettled(left)) assert.equal(reason.name, "AbortError");
  assert.equal(await textOf(await waiting), "image");
  assert.deepEqual(asked, ["hung-0", "hung-1", "good"]);
});

test("a call whose bytes keep coming, or that waits for its turn, never fails for `timeoutMs`", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const images = createServer();
  const records = ["one", "two", "three"].map((id) => images.save(id, id));
  const streams = [];
  t.mock.method(globalThis, "fetch", async () => new Response(new ReadableStream({ start: (stream) => streams.push(stream) })));
  const { getImage } = createClient({ endpoint: "/images", timeoutMs: 1000, parallel: 1, cache: "off" });
  const together = records.slice(0, 2).map((record) => getImage(record));
  await until(() => streams.length === 1);
  const waiting = getImage(records[2]);
  const batch = Buffer.concat(records.slice(0, 2).map(({ id }, index) => frame(index, 200, successPayload(images.version(id)))));
  for (const byte of batch) {
    streams[0].enqueue(Uint8Array.of(byte));
    await settle();
    t.mock.timers.tick(900);
  }
  assert.deepEqual(await Promise.all(together.map(async (image) => textOf(await image))), ["one", "two"]);
  await until(() => streams.length === 2);
  for (const byte of successPayload(images.version("three"))) {
    streams[1].enqueue(Uint8Array.of(byte));
    await settle();
    t.mock.timers.tick(900);
  }
  streams[1].close();
  assert.equal(await textOf(await waiting), "three");
});

test("a caller that joins a silent download waits for all of `timeoutMs`, then gets a FetchError", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const record = createServer().save("image", "image");
  let asked = 0;
  const { getImage } = createClient({ timeoutMs: 1000, cache: "off" }, () => {
    asked += 1;
    return new Promise(() => {});
  });
  const outcomes = [];
  const ask = () => getImage(record).catch((error) => outcomes.push(error.message));
  ask();
  await until(() => asked === 1);
  t.mock.timers.tick(900);
  ask();
  await settle();
  t.mock.timers.tick(900);
  await settle();
  assert.deepEqual(outcomes, []);
  t.mock.timers.tick(100);
  await settle();
  assert.deepEqual(outcomes, Array(2).fill("nothing of the image came within 1000 ms"));
  assert.equal(asked, 1);
});

test("a refreshRecord that never answers ends with a FetchError", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const record = createServer().save("image", "image");
  let asked = 0;
  const refreshRecord = () => {
    asked += 1;
    return new Promise(() => {});
  };
  const { getImage } = createClient({ timeoutMs: 1000, refreshRecord }, async () => Uint8Array.of(WireState.InvalidProof));
  const image = assert.rejects(getImage(record), FetchError);
  await until(() => asked === 1);
  t.mock.timers.tick(1000);
  await image;
});

test("onProgress tells how much of the response has come, alone or in a batch", async (t) => {
  const { requests, save, clientOf } = await startHttp(t);
  const [alone, ...together] = save(3);
  const last = new Map();
  const onProgress = ({ id, ...progress }) => last.set(id, progress);
  const { getImage } = clientOf();
  await getImage(alone, { onProgress });
  await Promise.all(together.map((record) => getImage(record, { onProgress })));
  assert.deepEqual(requests.map(([method]) => method), ["GET", "POST"]);
  // A state, and in the ciphertext a format byte and one digit.
  const whole = { loaded: 3, total: 3 };
  assert.deepEqual(Object.fromEntries(last), { "image-0": whole, "image-1": whole, "image-2": whole });
});

test("a response is read to its end, alone or in a batch, or else Chromium shows it as cancelled", async (t) => {
  const images = createServer();
  const records = ["one", "two", "three"].map((id) => images.save(id, id));
  const [alone, ...together] = records.map(({ id }) => successPayload(images.version(id)));
  let ends = 0;
  t.mock.method(globalThis, "fetch", async (_, { method }) => {
    const bytes = method === "POST" ? Buffer.concat(together.map((body, index) => frame(index, 200, body))) : alone;
    const pieces = [new Uint8Array(bytes)];
    const pull = (stream) => {
      if (pieces.length) return stream.enqueue(pieces.pop());
      ends += 1;
      return stream.close();
    };
    const headers = method === "POST" ? {} : { "content-length": String(bytes.length) };
    return new Response(new ReadableStream({ pull }, { highWaterMark: 0 }), { headers });
  });
  const { getImage } = createClient({ endpoint: "/images", cache: "off" });
  await getImage(records[0]);
  await until(() => ends === 1);
  await Promise.all(records.slice(1).map((record) => getImage(record)));
  await until(() => ends === 2);
});
