/** The order of batches that are requested at the same time. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { createPipeline } from "../../js_client/src/network/pipeline.js";

/** A pipeline whose batches note their names in `started`. */
function line() {
  const pipeline = createPipeline();
  const started = [];
  /** Request a batch of four images. */
  function request(name, priority = "auto") {
    const batch = { priority, unanswered: new Set([1, 2, 3, 4]) };
    pipeline.start(batch).then(() => started.push(name));
    return batch;
  }
  /** Answer some images of a batch, each in so many milliseconds; the head came after 100. */
  async function answer(batch, count, imageMs) {
    for (const image of [...batch.unanswered].slice(0, count)) {
      batch.unanswered.delete(image);
      pipeline.advance(batch, 100, imageMs);
    }
    await new Promise(setImmediate);
  }
  async function end(batch) {
    pipeline.end(batch);
    await new Promise(setImmediate);
  }
  return { request, answer, end, started };
}

test("on a slow line a batch starts once a single image is under way, if it takes longer than a round trip", async () => {
  const { request, answer, started } = line();
  const [one, two] = ["one", "two", "three"].map((name) => request(name));
  await answer(one, 2, 120);
  assert.deepEqual(started, ["one"]);
  await answer(one, 1, 120);
  assert.deepEqual(started, ["one", "two"]);
  await answer(one, 1, 120);
  await answer(two, 2, 120);
  assert.deepEqual(started, ["one", "two"]);
  await answer(two, 1, 120);
  assert.deepEqual(started, ["one", "two", "three"]);
});

test("on a fast line all batches start with the first image, and later ones at once", async () => {
  const { request, answer, end, started } = line();
  const batches = ["one", "two", "three"].map((name) => request(name));
  await answer(batches[0], 1, 1);
  assert.deepEqual(started, ["one", "two", "three"]);
  for (const batch of batches) await end(batch);
  ["four", "five"].forEach((name) => request(name));
  await new Promise(setImmediate);
  assert.deepEqual(started.slice(3), ["four", "five"]);
});

test("a batch that is requested after the first answer does not wait", async () => {
  const { request, answer, started } = line();
  const one = request("one");
  await answer(one, 1, 1000);
  request("later");
  await new Promise(setImmediate);
  assert.deepEqual(started, ["one", "later"]);
});

test("a batch does not wait for less urgent ones, and the most urgent goes first", async () => {
  const { request, end, started } = line();
  const low = request("low", "low");
  const auto = request("auto");
  for (const priority of ["low", "auto", "high"]) request(`second ${priority}`, priority);
  await new Promise(setImmediate);
  assert.deepEqual(started, ["low", "auto", "second high"]);
  await end(low);
  assert.equal(started.length, 3);
  await end(auto);
  assert.equal(started.length, 3);
});

test("a batch that ends without an answer lets one go on", async () => {
  const { request, end, started } = line();
  const one = request("one");
  ["low", "auto"].forEach((priority) => request(priority, priority));
  await end(one);
  assert.deepEqual(started, ["one", "auto"]);
});
