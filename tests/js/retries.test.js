/** Failed requests are tried again: which failures, how often, and after which pause. */

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { createClient, FetchError, NotFoundError, ServerError, WireState } from "../../js_client/src/index.js";
import { textOf, until } from "./support/page.js";
import { createServer, successPayload } from "./support/server.js";
import { emptyStorage } from "./support/storage.js";
import { frame, startHttp } from "./support/http.js";

/** Let mocked time pass until something is true, and tell how many ms that took. */
async function msUntil(t, isTrue) {
  for (let ms = 0; ms < 10_000; ms += 10) {
    for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
    if (isTrue()) return ms;
    t.mock.timers.tick(10);
  }
  return assert.fail("it never is");
}

beforeEach(emptyStorage);

test("a server that is away is asked again for the whole batch, and for no image alone", async (t) => {
  let isAway = true;
  const { requests, save, clientOf } = await startHttp(t, {
    respond(response) {
      const wasAway = isAway;
      isAway = false;
      if (wasAway) response.writeHead(503).end();
      return wasAway;
    },
  });
  const { getImage } = clientOf({ retries: 1 });
  await Promise.all(save(5).map((record) => getImage(record)));
  assert.deepEqual(requests.map(([method, ids]) => [method, ids.length]), [["POST", 5], ["POST", 5]]);
});

const FAILING = {
  "HTTP status 503": (response) => response.writeHead(503).end(),
  "HTTP status 429": (response) => response.writeHead(429).end(),
  "HTTP status 425": (response) => response.writeHead(425).end(),
  "a connection that breaks": (response) => response.destroy(),
  "frames of HTTP status 503": (response, ids) => response.end(frames(ids, 503)),
  "frames of InternalError": (response, ids) => response.end(frames(ids, 200, Buffer.of(WireState.InternalError))),
};

const frames = (ids, status, body = Buffer.alloc(0)) => Buffer.concat(ids.map((_, index) => frame(index, status, body)));

for (const [name, fail] of Object.entries(FAILING)) {
  test(`fifty images of a server that answers with ${name} cost eight requests, and batches go on`, async (t) => {
    t.mock.method(Math, "random", () => -0.49);
    let isFailing = true;
    const respond = (response, ids) => {
      if (isFailing) fail(response, ids);
      return isFailing;
    };
    const { requests, save, clientOf } = await startHttp(t, { respond });
    const { getImage } = clientOf({ retries: 3 });
    const records = save(50);
    for (const { reason } of await Promise.allSettled(records.map((record) => getImage(record)))) {
      assert.ok(reason instanceof FetchError || reason instanceof ServerError, String(reason));
    }
    assert.deepEqual(requests.splice(0).map(([method, ids]) => [method, ids.length]), Array(8).fill(["POST", 25]));
    isFailing = false;
    await Promise.all(records.map((record) => getImage(record)));
    assert.deepEqual(requests.map(([method, ids]) => [method, ids.length]), Array(2).fill(["POST", 25]));
  });
}

test("Retry-After is waited for, in seconds or to a date; one beyond the time limit is final", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: Date.parse("Sat, 01 Jan 2028 00:00:00 GMT") });
  const images = createServer();
  const record = images.save("image", "image");
  let [asked, retryAfter] = [];
  t.mock.method(globalThis, "fetch", async () => {
    asked += 1;
    if (asked > 1) return new Response(successPayload(images.version("image")));
    return new Response(null, { status: 429, headers: { "retry-after": retryAfter } });
  });
  const { getImage } = createClient({ endpoint: "/images", timeoutMs: 5000, cache: "off" });
  for (retryAfter of ["3", "Sat, 01 Jan 2028 00:00:06 GMT"]) {
    asked = 0;
    const image = getImage(record);
    const ms = await msUntil(t, () => asked === 2);
    assert.ok(ms >= 2600 && ms <= 3400, `${ms}`);
    assert.equal(await textOf(await image), "image");
  }
  for (retryAfter of ["0", "-5", "Fri, 31 Dec 2027 23:00:00 GMT"]) {
    asked = 0;
    const image = getImage(record);
    assert.ok((await msUntil(t, () => asked === 2)) >= 100, retryAfter);
    assert.equal(await textOf(await image), "image");
  }
  asked = 0;
  retryAfter = "6";
  await assert.rejects(getImage(record), { name: "FetchError", status: 429, retryAfterMs: 6000 });
  assert.equal(asked, 1);
});

test("a server that fails is asked again, as often as `retries` says; a refusal is final", async (t) => {
  let failures = 2;
  const { requests, save, clientOf } = await startHttp(t, {
    respond(response) {
      if (!failures) return false;
      failures -= 1;
      response.writeHead(503).end();
      return true;
    },
  });
  const [record] = save(1);
  assert.equal(await textOf(await clientOf({ retries: 2, cache: "off" }).getImage(record)), "0");
  assert.equal(requests.length, 3);
  failures = 2;
  const isUnavailable = (error) => error instanceof FetchError && error.status === 503;
  await assert.rejects(clientOf({ retries: 1, cache: "off" }).getImage(record), isUnavailable);
  assert.equal(requests.length, 5);
  await assert.rejects(clientOf({ retries: 3 }).getImage({ ...record, id: "gone" }), NotFoundError);
  assert.equal(requests.length, 6);
});

test("a failure that may pass is tried again after a pause that doubles, and any other is final", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  t.mock.method(Math, "random", () => 0);
  const images = createServer();
  const record = images.save("image", "image");
  const ofStatus = (status) => () => new Response(null, { status });
  const offline = () => {
    throw new TypeError("offline");
  };
  const internalError = () => new Response(Uint8Array.of(WireState.InternalError));
  let [answer, asked] = [];
  t.mock.method(globalThis, "fetch", async () => {
    asked += 1;
    return asked < 3 ? answer() : new Response(successPayload(images.version("image")));
  });
  const { getImage } = createClient({ endpoint: "/images", retries: 2, cache: "off" });
  for (answer of [offline, ofStatus(408), ofStatus(429), ofStatus(500), internalError]) {
    asked = 0;
    const image = getImage(record);
    assert.ok((await msUntil(t, () => asked >= 2)) >= 100);
    assert.ok((await msUntil(t, () => asked >= 3)) >= 200);
    assert.equal(await textOf(await image), "image");
  }
  for (answer of [ofStatus(400), ofStatus(404), ofStatus(403)]) {
    asked = 0;
    await assert.rejects(getImage(record));
    assert.equal(asked, 1);
  }
});
