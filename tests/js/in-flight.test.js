/** What callers of one image share, with a load that is settled by hand. */

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { createInFlight } from "../../js_client/src/images/in-flight.js";
import { createMemory } from "../../js_client/src/images/memory.js";
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
  const load = (plan, bounds) => new Promise((resolve, reject) => loads.push({ plan, bounds, resolve, reject }));
  inFlight = createInFlight({ load, memory, counts, timeoutMs: 1000 });
});

const planOf = (id, token = 1) => Object.freeze({ id, token, parsed: { proof: "proof", key: [] } });

test("a load changes no plan and hands its result back, which is counted, kept and given to every caller", async () => {
  const plan = planOf("a");
  const images = [inFlight.share(plan), inFlight.share(planOf("a"))];
  assert.equal(loads.length, 1);
  assert.equal(loads[0].plan, plan);
  loads[0].resolve({ image, token: 2, isHit: false });
  assert.deepEqual(await Promise.all(images), [image, image]);
  assert.deepEqual(counts, { hits: 0, downloads: 1 });
  assert.deepEqual([memory.get("a", 1), memory.get("a", 2)], [image, image]);
});

test("an image that is outdated is given to its callers and kept nowhere", async () => {
  const shared = inFlight.share(planOf("a", 2));
  loads[0].resolve({ image, token: 1, isHit: false, isOutdated: true });
  assert.equal(await shared, image);
  assert.equal(memory.has("a"), false);
});

test("who comes while an image is being stored shares its load, and who comes later starts another one", async () => {
  const { open: store, passed: stored } = gate();
  const first = inFlight.share(planOf("a"));
  loads[0].resolve({ image, token: 1, isHit: false, stored });
  await first;
  await inFlight.share(planOf("a"));
  assert.equal(loads.length, 1);
  store();
  await settle();
  inFlight.share(planOf("a"));
  assert.equal(loads.length, 2);
});

test("a load whose image was deleted meanwhile may keep nothing, and a later caller does not share it", async () => {
  const voided = inFlight.share(planOf("a"));
  const other = inFlight.share(planOf("b"));
  inFlight.voidAll("a");
  assert.deepEqual(loads.map(({ bounds }) => bounds.mayKeep()), [false, true]);
  inFlight.share(planOf("a"));
  assert.equal(loads.length, 3);
  for (const { resolve } of loads.slice(0, 2)) resolve({ image, token: 1, isHit: true });
  await Promise.all([voided, other]);
  assert.deepEqual([memory.has("a"), memory.has("b"), counts.hits], [false, true, 2]);
});
