/** Images are requested in batches, or by single requests if the endpoint takes no batches. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { createClient, FetchError, NotFoundError, PixstoreError, RefusedError, WireState } from "../../js_client/src/index.js";
import { setGlobal, textOf, until } from "./support/page.js";
import { createServer, successPayload } from "./support/server.js";
import { emptyStorage } from "./support/storage.js";
import { frame, startHttp } from "./support/http.js";

beforeEach(emptyStorage);

test("images requested in one tick go out in batches of 25, and their frames may come in any order", async (t) => {
  const { requests, save, clientOf } = await startHttp(t);
  const { getImage } = clientOf();
  const texts = await Promise.all(save(60).map(async (record) => textOf(await getImage(record))));
  assert.deepEqual(texts, Array.from({ length: 60 }, (_, index) => `${index}`));
  assert.deepEqual(requests.map(([method, ids]) => [method, ids.length]).sort(), [["POST", 10], ["POST", 25], ["POST", 25]]);
  assert.match(requests[0][2], /^text\/plain/);
});

test("the second batch of a page is requested once the first has answered an image", async (t) => {
  let answer;
  const { requests, save, images, clientOf } = await startHttp(t, {
    respond(response, ids) {
      if (answer) return false;
      answer = () => ids.forEach((id, index) => response.write(frame(index, 200, successPayload(images.version(id)))));
      return true;
    },
  });
  const { getImage } = clientOf();
  const all = save(60).map((record) => getImage(record));
  await until(() => answer);
  await sleep(50);
  assert.equal(requests.length, 1);
  answer();
  assert.equal((await Promise.all(all)).length, 60);
  assert.deepEqual(requests.map(([, ids]) => ids[0]).sort(), ["image-0", "image-25", "image-50"]);
});

test("one image alone is a single GET", async (t) => {
  const { requests, save, clientOf } = await startHttp(t);
  const { getImage } = clientOf();
  for (const record of save(2)) await getImage(record);
  assert.deepEqual(requests.map(([method]) => method), ["GET", "GET"]);
});

test("an endpoint without batches is asked by single requests, and for a batch only once", async (t) => {
  const { requests, save, clientOf } = await startHttp(t, { batches: false });
  const { getImage } = clientOf();
  const records = save(4);
  for (const pair of [records.slice(0, 2), records.slice(2)]) {
    const blobs = await Promise.all(pair.map((record) => getImage(record)));
    assert.equal(blobs.length, 2);
  }
  assert.deepEqual(requests.map(([method]) => method), ["POST", "GET", "GET", "GET", "GET"]);
});

test("a batch that is cut short gives its complete images and requests the rest again", async (t) => {
  let isFirst = true;
  const { requests, save, images, clientOf } = await startHttp(t, {
    respond(response, ids) {
      if (!isFirst) return false;
      isFirst = false;
      response.write(frame(0, 200, successPayload(images.version(ids[0]))));
      response.write(frame(1, 200, successPayload(images.version(ids[1]))).subarray(0, 9));
      setTimeout(() => response.destroy(), 20);
      return true;
    },
  });
  const { getImage } = clientOf({ retries: 2 });
  const texts = await Promise.all(save(3).map(async (record) => textOf(await getImage(record))));
  assert.deepEqual(texts, ["0", "1", "2"]);
  assert.deepEqual(requests.slice(1).flatMap(([, ids]) => ids).sort(), ["image-1", "image-2"]);
});

test("headers and credentials go along with each request, alone and in batches, and change none of the client's own", async (t) => {
  const images = createServer();
  const records = ["one", "two", "three"].map((id) => images.save(id, id));
  const asked = [];
  t.mock.method(globalThis, "fetch", async (url, { method, headers, credentials }) => {
    asked.push([method ?? "GET", headers, credentials]);
    const bodies = records.slice(1).map(({ id }, index) => frame(index, 200, successPayload(images.version(id))));
    return new Response(method ? Buffer.concat(bodies) : successPayload(images.version("one")));
  });
  let count = 0;
  const headers = async () => new Headers({ Authorization: `Bearer ${(count += 1)}`, "X-Pixstore-Proof": "forged" });
  const { getImage } = createClient({ endpoint: "/images", cache: "off", headers, credentials: "include" });
  await getImage(records[0]);
  await Promise.all(records.slice(1).map((record) => getImage(record)));
  const own = { "x-pixstore-proof": "proof", "x-pixstore-token": "1" };
  assert.deepEqual(asked, [
    ["GET", { authorization: "Bearer 1", ...own }, "include"],
    ["POST", { authorization: "Bearer 2", "x-pixstore-proof": "forged" }, "include"],
  ]);
});

test("the error of a headers function reaches the caller, and nothing is requested", async (t) => {
  const records = ["one", "two"].map((id) => createServer().save(id, id));
  const fetched = t.mock.method(globalThis, "fetch");
  const failure = new Error("signed out");
  const { getImage } = createClient({ headers: () => Promise.reject(failure) });
  for (const { reason } of await Promise.allSettled(records.map((record) => getImage(record)))) assert.equal(reason, failure);
  for (const config of [{ headers: () => "secret" }, { credentials: () => "all" }]) {
    const client = createClient(config);
    await assert.rejects(client.getImage(records[0]), (error) => error.name === "ConfigError" && !/secret/.test(error.message));
  }
  assert.equal(fetched.mock.callCount(), 0);
});

test("one bad entry of a batch harms no other", async (t) => {
  const { save, images, clientOf } = await startHttp(t, {
    respond(response, ids) {
      response.write(frame(0, 403, Buffer.alloc(0)));
      response.write(frame(1, 200, Buffer.of(WireState.NotFound)));
      response.end(frame(2, 200, successPayload(images.version(ids[2]))));
      return true;
    },
  });
  const { getImage } = clientOf();
  const [refused, missing, good] = await Promise.allSettled(save(3).map((record) => getImage(record)));
  assert.ok(refused.reason instanceof RefusedError && refused.reason.status === 403);
  assert.ok(missing.reason instanceof NotFoundError);
  assert.equal(await textOf(good.value), "2");
});

test("if the session has ended, a page requests one of its images alone and no other", async (t) => {
  const { requests, save, clientOf } = await startHttp(t, { respond: (response) => Boolean(response.writeHead(401).end()) });
  const { getImage } = clientOf();
  for (const { reason } of await Promise.allSettled(save(9).map((record) => getImage(record)))) {
    assert.ok(reason instanceof RefusedError && reason.status === 401);
  }
  assert.deepEqual(requests.map(([method, ids]) => [method, ids.length]), [["POST", 9], ["GET", 1]]);
});

test("an endpoint that refuses batches, as a check of cross-site requests does, is asked by single requests", async (t) => {
  for (const status of [400, 403, 404, 405, 501]) {
    const { requests, save, clientOf } = await startHttp(t, {
      respond: (response, ids) => ids.length > 1 && Boolean(response.writeHead(status).end()),
    });
    const { getImage } = clientOf({ cache: "off" });
    const records = save(6);
    for (const three of [records.slice(3), records.slice(0, 3)]) {
      await Promise.all(three.map((record) => getImage(record)));
    }
    assert.deepEqual(requests.map(([method]) => method), ["POST", ...Array(6).fill("GET")]);
  }
});

test("an endpoint without batches that refuses the first image alone gives the others", async (t) => {
  const { save, clientOf } = await startHttp(t, {
    batches: false,
    respond: (response, [id]) => id === "image-0" && Boolean(response.writeHead(403).end()),
  });
  const { getImage } = clientOf();
  const outcomes = await Promise.allSettled(save(3).map((record) => getImage(record)));
  assert.deepEqual(outcomes.map(({ reason }) => reason?.status), [403, undefined, undefined]);
});

test("another origin may hide its answer to a batch: one image is asked for alone, before the others are", async (t) => {
  const images = createServer();
  const records = Array.from({ length: 4 }, (_, index) => images.save(`image-${index}`, "image"));
  const asked = [];
  let isAway = true;
  t.mock.method(globalThis, "fetch", async (url, { method }) => {
    asked.push(method ?? "GET");
    if (isAway || method === "POST") throw new TypeError("Failed to fetch");
    return new Response(successPayload(images.version(url.split("/").at(-1))));
  });
  setGlobal(t, "location", new URL("https://app.example/"));
  const { getImage } = createClient({ endpoint: "https://img.example/images", retries: 0, cache: "off" });
  const askAll = () => Promise.allSettled(records.map((record) => getImage(record)));
  for (const { reason } of await askAll()) assert.ok(reason instanceof FetchError, String(reason));
  assert.deepEqual(asked.splice(0), ["POST", "GET"]);
  isAway = false;
  const batches = [];
  for (let turn = 0; turn < 3; turn += 1) {
    for (const { status } of await askAll()) assert.equal(status, "fulfilled");
    batches.push(asked.splice(0).filter((method) => method === "POST").length);
  }
  assert.deepEqual(batches, [1, 1, 0], "a network that fails once is no answer");
});

test("a page of HTML in place of an endpoint is asked by a batch and by one image of it, not by all", async (t) => {
  const { requests, save, clientOf } = await startHttp(t, {
    respond: (response) => Boolean(response.end("<!doctype html><title>Home</title>")),
  });
  const { getImage } = clientOf({ retries: 0 });
  await Promise.allSettled(save(9).map((record) => getImage(record)));
  assert.deepEqual(requests.map(([method, ids]) => [method, ids.length]), [["POST", 9], ["GET", 1]]);
});

const BROKEN_BATCHES = {
  "a page of HTML": (response) => response.end("<!doctype html><title>Sign in</title>"),
  "an empty body": (response) => response.end(),
  "no body": (response) => response.writeHead(204).end(),
  "a connection that breaks": (response) => response.destroy(),
};

for (const [name, answer] of Object.entries(BROKEN_BATCHES)) {
  test(`an endpoint that takes batches and answers one with ${name} is asked by a batch again, then it is a FetchError`, async (t) => {
    t.mock.method(Math, "random", () => 0);
    let failures = 0;
    const { requests, save, clientOf } = await startHttp(t, {
      respond(response) {
        if (!failures) return false;
        failures -= 1;
        answer(response);
        return true;
      },
    });
    const { getImage } = clientOf({ retries: 1 });
    const records = save(6);
    const outcomes = (from) => Promise.allSettled(records.slice(from, from + 2).map((record) => getImage(record)));
    await outcomes(0);
    failures = 2;
    for (const { reason } of await outcomes(2)) assert.ok(reason instanceof FetchError, String(reason));
    assert.deepEqual((await outcomes(4)).map(({ status }) => status), ["fulfilled", "fulfilled"]);
    assert.deepEqual(requests.map(([method, ids]) => [method, ids.length]), Array(4).fill(["POST", 2]));
  });
}

test("a batch posts id, token and proof of each image, and takes those of one priority", async (t) => {
  const asked = [];
  t.mock.method(globalThis, "fetch", async (url, { method, body, priority }) => {
    asked.push([method, url, priority, JSON.parse(body)]);
    return new Response(null, { status: 503 });
  });
  const images = createServer();
  const records = ["a", "b", "c", "d"].map((id, index) => images.save(id, id, { token: index + 1 }));
  const { getImage } = createClient({ endpoint: "/images", retries: 0, cache: "off" });
  const calls = records.map((record, index) => getImage(record, { priority: index % 2 ? "low" : "high" }));
  await Promise.allSettled(calls);
  const entries = records.map(({ id, token, statelessProof }) => ({ id, token, proof: statelessProof }));
  assert.deepEqual(asked, [
    ["POST", "/images/-/batch", "high", { images: [entries[0], entries[2]] }],
    ["POST", "/images/-/batch", "low", { images: [entries[1], entries[3]] }],
  ]);
});

test("two versions of one image that are asked for in one tick go in two requests", async (t) => {
  const { requests, save, clientOf } = await startHttp(t);
  const { getImage } = clientOf({ cache: "off" });
  const [record, other] = save(2);
  const texts = [record, { ...record, token: 2 }, other].map(async (own) => textOf(await getImage(own)));
  assert.deepEqual(await Promise.all(texts), ["0", "0", "1"]);
  const sent = requests.map(([method, ids]) => [method, ids]).sort();
  assert.deepEqual(sent, [["GET", ["image-0"]], ["POST", ["image-0", "image-1"]]]);
});

test("a caller who leaves while the batch waits for its turn is not in it", async (t) => {
  let finish;
  const { requests, save, clientOf } = await startHttp(t, {
    respond(response) {
      if (finish) return false;
      finish = () => response.writeHead(404).end();
      return true;
    },
  });
  const { getImage } = clientOf({ parallel: 1, cache: "off" });
  const [record, ...records] = save(4);
  const before = getImage(record);
  await until(() => finish);
  const controllers = records.map(() => new AbortController());
  const images = records.map((own, index) => getImage(own, { signal: controllers[index].signal }));
  await new Promise(setImmediate);
  controllers[1].abort();
  finish();
  const outcomes = await Promise.allSettled([before, ...images]);
  assert.deepEqual(outcomes.map(({ reason }) => reason?.name), ["FetchError", undefined, "AbortError", undefined]);
  assert.deepEqual(requests[1].slice(0, 2), ["POST", ["image-1", "image-3"]]);
});

test("a batch ends when the remaining callers are answered, though others have left without an answer", async (t) => {
  let closed = 0;
  let send;
  const { save, images, clientOf } = await startHttp(t, {
    respond(response, ids) {
      response.on("close", () => (closed += 1));
      send = () => response.write(frame(1, 200, successPayload(images.version(ids[1]))));
      return true;
    },
  });
  const controller = new AbortController();
  const { getImage } = clientOf();
  const [left, stayed] = save(2).map((record, index) => getImage(record, index ? {} : { signal: controller.signal }));
  await until(() => send);
  controller.abort();
  await assert.rejects(left, { name: "AbortError" });
  send();
  assert.equal(await textOf(await stayed), "1");
  await until(() => closed === 1);
});

test("an image without waiting callers is not requested, and no request outlives its callers", async (t) => {
  let closed = 0;
  let isSilent = true;
  const { requests, save, clientOf } = await startHttp(t, {
    respond(response) {
      response.on("close", () => (closed += 1));
      return isSilent;
    },
  });
  const { getImage } = clientOf({ parallel: 1 });
  const records = save(6);
  const [first, second] = [new AbortController(), new AbortController()];
  const ask = (from, to, { signal }) => records.slice(from, to).map((record) => getImage(record, { signal }));
  const calls = ask(0, 2, first);
  await until(() => requests.length === 1);
  calls.push(...ask(2, 4, second));
  await new Promise((resolve) => setTimeout(resolve, 20));
  second.abort();
  first.abort();
  await Promise.allSettled(calls);
  await until(() => closed === 1);
  isSilent = false;
  assert.equal(await textOf(await getImage(records[4])), "4");
  assert.deepEqual(requests.map(([method]) => method), ["POST", "GET"]);
});

test("a batch ends when all remaining callers have left, however much it has answered", async (t) => {
  let closed = 0;
  const { save, clientOf } = await startHttp(t, {
    respond(response) {
      response.on("close", () => (closed += 1));
      return Boolean(response.write(frame(0, 200, Buffer.from([WireState.NotFound]))));
    },
  });
  const controller = new AbortController();
  const { getImage } = clientOf({ parallel: 1 });
  const [answered, waiting] = save(2).map((record) => getImage(record, { signal: controller.signal }));
  await assert.rejects(answered, NotFoundError);
  controller.abort();
  await assert.rejects(waiting, { name: "AbortError" });
  await until(() => closed === 1);
});

test("a batch that is answered with nothing at all is a FetchError", async (t) => {
  const { save, clientOf } = await startHttp(t, {
    respond: (response) => Boolean(response.writeHead(204).end()),
  });
  const { getImage } = clientOf();
  for (const { status, reason } of await Promise.allSettled(save(2).map((record) => getImage(record)))) {
    assert.equal(status, "rejected");
    assert.ok(reason instanceof FetchError || reason.name === "WireError", String(reason));
  }
});

test("the request has the checked values, even if the record changes meanwhile", async (t) => {
  const { requests, save, clientOf } = await startHttp(t);
  const [first, second] = save(2).map((record) => ({ ...record }));
  const { getImage } = clientOf();
  const images = [first, second].map((record) => getImage(record));
  first.id = "image-9";
  assert.equal(await textOf(await images[0]), "0");
  assert.deepEqual(requests[0][1], ["image-0", "image-1"]);
});

/** Batches that no server sends, each as the bytes that one write of the server brings: once, or without end. */
const NONE = {
  "an index that was not requested": [frame(7, 200, Buffer.of(0))],
  "an image of 4 GiB": [Buffer.from("00c800ffffffff", "hex")],
  "a refusal of 4 GiB": [Buffer.from("00f401ffffffff", "hex")],
  "one image again and again": [frame(0, 200, Buffer.of(2)), "endless"],
  "one empty image again and again": [frame(0, 200, Buffer.of()), "endless"],
  "one empty refusal again and again": [frame(0, 404, Buffer.of()), "endless"],
};

for (const [name, [bytes, endless]] of Object.entries(NONE)) {
  test(`a batch with ${name} is given up, and so is its connection`, async (t) => {
    let closed = 0;
    const { save, clientOf } = await startHttp(t, {
      respond(response, ids) {
        if (ids.length === 1) return Boolean(response.writeHead(404).end());
        response.on("close", () => (closed += 1));
        const piece = endless ? Buffer.concat(Array(1000).fill(bytes)) : bytes;
        const write = () => {
          while (!response.destroyed && response.write(piece) && endless);
        };
        if (endless) response.on("drain", write);
        write();
        return true;
      },
    });
    const { getImage } = clientOf();
    for (const { reason } of await Promise.allSettled(save(2).map((record) => getImage(record)))) {
      assert.ok(reason instanceof PixstoreError, String(reason));
    }
    await until(() => closed === 1);
  });
}
