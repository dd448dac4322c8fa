/** Callers of one image share a load, which these tests settle by hand. */

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { createInFlight } from "../../js_client/src/images/in-flight.js";
import { createMemory } from "../../js_client/src/images/memory.js";
import { createRequest } from "../../js_client/src/network/request.js";
import { gate, settle } from "./support/page.js";

const image = new Blob(["image"]);

let loads;
let memory;
let counts;
let inFlight;
beforeEach(() => {
  loads = [];
  memory = createMemory(1000);
  counts = { hits: 0, downloads: 0 };
  const load = (request) => new Promise((resolve, reject) => loads.push({ request, resolve, reject }));
  inFlight = createInFlight({ load, memory, counts });
});

const requestOf = (id, token = 1) => createRequest({ parsed: Object.freeze({ id, token, proof: "proof", key: [] }) }, 1000);

test("the result of a load is counted, kept and given to every caller", async () => {
  const request = requestOf("a");
  const images = [inFlight.share(request), inFlight.share(requestOf("a"))];
  assert.equal(loads.length, 1);
  assert.equal(loads[0].request, request);
  loads[0].resolve({ image, token: 2, isHit: false });
  assert.deepEqual(await Promise.all(images), [image, image]);
  assert.deepEqual(counts, { hits: 0, downloads: 1 });
  assert.deepEqual([memory.get("a", 1), memory.get("a", 2)], [image, image]);
});

test("an outdated image is given to its callers and not kept", async () => {
  const shared = inFlight.share(requestOf("a", 2));
  loads[0].resolve({ image, token: 1, isHit: false, isOutdated: true });
  assert.equal(await shared, image);
  assert.equal(memory.has("a"), false);
});

test("a caller shares the load while its image is being stored, and starts a new load afterwards", async () => {
  const { open: store, passed: stored } = gate();
  const first = inFlight.share(requestOf("a"));
  loads[0].resolve({ image, token: 1, isHit: false, stored });
  await first;
  await inFlight.share(requestOf("a"));
  assert.equal(loads.length, 1);
  store();
  await settle();
  inFlight.share(requestOf("a"));
  assert.equal(loads.length, 2);
});

test("a load keeps nothing if its image was deleted meanwhile, and a later caller does not share it", async () => {
  const voided = inFlight.share(requestOf("a"));
  const other = inFlight.share(requestOf("b"));
  inFlight.voidAll("a");
  assert.deepEqual(loads.map(({ request }) => request.isVoid), [true, false]);
  inFlight.share(requestOf("a"));
  assert.equal(loads.length, 3);
  for (const { resolve } of loads.slice(0, 2)) resolve({ image, token: 1, isHit: true });
  await Promise.all([voided, other]);
  assert.deepEqual([memory.has("a"), memory.has("b"), counts.hits], [false, true, 2]);
});
