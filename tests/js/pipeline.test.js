/** The order of batches that are requested at the same time. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { createPipeline } from "../../js_client/src/network/pipeline.js";

const settled = () => new Promise(setImmediate);

/** A pipeline, and the names of its batches in the order in which they started. */
function line() {
  const pipeline = createPipeline();
  const started = [];
  function request(name, priority = "auto", { count = 4, lifeMs = 40_000 } = {}) {
    const images = Array.from({ length: count }, () => ({ parsed: { expiresAt: Date.now() + lifeMs } }));
    const batch = { priority, unanswered: new Set(images) };
    pipeline.start(batch).then(() => started.push(name));
    return batch;
  }
  /** Answer some images of a batch, each in so many milliseconds; the head came after 100. */
  async function answer(batch, count, imageMs) {
    for (const image of [...batch.unanswered].slice(0, count)) {
      batch.unanswered.delete(image);
      pipeline.advance(batch, 100, imageMs);
    }
    await settled();
  }
  async function end(batch) {
    pipeline.end(batch);
    await settled();
  }
  return { request, answer, end, started };
}

test("on a slow line a batch starts once the images before it take no longer than a round trip", async () => {
  const { request, answer, started } = line();
  const [one, two] = ["one", "two", "three"].map((name) => request(name));
  await answer(one, 2, 60);
  assert.deepEqual(started, ["one"]);
  await answer(one, 1, 60);
  assert.deepEqual(started, ["one", "two"]);
  await answer(one, 1, 60);
  await answer(two, 2, 60);
  assert.deepEqual(started, ["one", "two"]);
  await answer(two, 1, 60);
  assert.deepEqual(started, ["one", "two", "three"]);
});

test("on a fast line each answered image starts a batch, and later batches start at once", async () => {
  const { request, answer, end, started } = line();
  const batches = ["one", "two", "three"].map((name) => request(name));
  await answer(batches[0], 2, 1);
  assert.deepEqual(started, ["one", "two", "three"]);
  for (const batch of batches) await end(batch);
  ["four", "five"].forEach((name) => request(name));
  await settled();
  assert.deepEqual(started.slice(3), ["four", "five"]);
});

test("a batch that is requested after the first answer does not wait, unless another waits", async () => {
  const { request, answer, started } = line();
  const one = request("one");
  await answer(one, 1, 1000);
  request("two");
  request("three");
  await settled();
  assert.deepEqual(started, ["one", "two"]);
});

test("no batch waits for a less urgent one, and the most urgent goes first", async () => {
  const { request, end, started } = line();
  const low = request("low", "low");
  const auto = request("auto");
  for (const priority of ["low", "auto", "high"]) request(`second ${priority}`, priority);
  await settled();
  assert.deepEqual(started, ["low", "auto", "second high"]);
  await end(auto);
  assert.equal(started.length, 3);
  await end(low);
  assert.equal(started.length, 3);
});

test("a waiting batch starts when the last one that is at least as urgent ends", async () => {
  const { request, end, started } = line();
  request("low", "low");
  const high = request("high", "high");
  request("second high", "high");
  await end(high);
  assert.deepEqual(started, ["low", "high", "second high"]);
});

test("a batch that ends without an answer lets the most urgent one go on", async () => {
  const { request, end, started } = line();
  const one = request("one");
  ["low", "auto"].forEach((priority) => request(priority, priority));
  await end(one);
  assert.deepEqual(started, ["one", "auto"]);
});

test("a batch of one image does not wait, and none waits for it", async () => {
  const { request, started } = line();
  request("single", "auto", { count: 1 });
  request("one");
  request("second single", "auto", { count: 1 });
  await settled();
  assert.deepEqual(started, ["single", "one", "second single"]);
});

test("a batch waits at most five seconds, and not until a proof of it expires", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const { request, end, started } = line();
  request("one");
  const two = request("two");
  request("expires", "auto", { lifeMs: 3000 });
  t.mock.timers.tick(1999);
  await settled();
  assert.deepEqual(started, ["one"]);
  t.mock.timers.tick(1);
  await settled();
  assert.deepEqual(started, ["one", "expires"]);
  t.mock.timers.tick(3000);
  await end(two);
  assert.deepEqual(started, ["one", "expires", "two"]);
});
