/** The service worker behind plain `<img>`: its responses, and its settings after a restart. */

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { FetchError, NotFoundError, RefusedError } from "../../js_client/src/index.js";
import { createAnswer, settingsIn } from "../../js_client/src/service-worker/answer.js";
import { setGlobal, until } from "./support/page.js";
import { createServer, successPayload } from "./support/server.js";
import { createClient } from "./support/site.js";
import { dump, emptyStorage } from "./support/storage.js";

const ORIGIN = "https://app.example";
const IMAGES = `${ORIGIN}/mount/-/image/`;
const ID = "players:abc";
const HEADERS = {
  "cache-control": "no-store",
  "content-security-policy": "sandbox; default-src 'none'",
  "cross-origin-resource-policy": "same-origin",
  "x-content-type-options": "nosniff",
};

beforeEach(emptyStorage);

/** A request as `<img>` makes it. */
const request = (rest = ID, changes = {}) => ({
  url: IMAGES + rest, method: "GET", mode: "no-cors", destination: "image", signal: new AbortController().signal, ...changes,
});

/** A client that answers with a picture, and notes which ids it was asked for. */
function clientOf(image = new Blob(["picture"], { type: "image/png" })) {
  const asked = [];
  return {
    asked,
    async getRecord(id) {
      asked.push(id);
      return { id };
    },
    getImage: async () => image,
    onRemoved: () => () => {},
  };
}

const failing = (error) => ({ ...clientOf(), getRecord: () => Promise.reject(error) });

/** A refusal, checked to be one that shows and runs nothing, as its status and text. */
async function refusalOf(response) {
  const { "content-type": type, ...headers } = Object.fromEntries(response.headers);
  assert.deepEqual(headers, HEADERS);
  assert.equal(type, "text/plain; charset=utf-8");
  return [response.status, await response.text()];
}

test("an image request gets the image, to be shown and not kept, under the type that the client found", async () => {
  for (const type of ["image/png", "image/webp", "image/jpeg", "image/gif", "image/avif"]) {
    const client = clientOf(new Blob(["picture"], { type }));
    const response = await createAnswer(client, IMAGES)(request());
    assert.equal(response.status, 200);
    assert.deepEqual(Object.fromEntries(response.headers), { ...HEADERS, "content-type": type });
    assert.equal(await response.text(), "picture");
    assert.deepEqual(client.asked, [ID]);
  }
});

test("an id may be encoded, name a variant, and have a query behind it, such as one for each version", async () => {
  for (const [rest, id] of [
    ["players%3Aabc", ID],
    ["players:abc?v=2", ID],
    ["players:abc?../x#y", ID],
    ["players%3Aabc~thumb", `${ID}~thumb`],
  ]) {
    const client = clientOf();
    assert.equal((await createAnswer(client, IMAGES)(request(rest))).status, 200);
    assert.deepEqual(client.asked, [id]);
  }
});

for (const rest of [
  "", "a/b", "a%2Fb", "..%2Fx", "%", "%FF", "%00", "a%20b", "a:b:c", "a~B", "é", "%C3%A9", "a".repeat(65), "a,b", "a&id=b",
  "%3Fid=a", "<svg>", "a;charset=utf-8", "__proto__/x",
]) {
  test(`an invalid image id requests no record: ${JSON.stringify(rest.slice(0, 20))}`, async () => {
    const client = clientOf();
    const response = await createAnswer(client, IMAGES)(request(rest));
    assert.deepEqual(await refusalOf(response), [404, "this is no image id"]);
    assert.deepEqual(client.asked, []);
  });
}

const DESTINATIONS = [
  "", "audio", "audioworklet", "document", "embed", "fencedframe", "font", "frame", "iframe", "json", "manifest", "object",
  "paintworklet", "report", "script", "serviceworker", "sharedworker", "style", "track", "video", "webidentity", "worker",
  "xslt",
];
for (const changes of [
  ...DESTINATIONS.map((destination) => ({ destination })),
  { mode: "navigate" },
  { mode: "navigate", destination: "document" },
  ...["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "get"].map((method) => ({ method })),
]) {
  test(`all but an image that is shown is refused, before a record is asked for: ${JSON.stringify(changes)}`, async () => {
    const client = clientOf();
    const [status, text] = await refusalOf(await createAnswer(client, IMAGES)(request(ID, changes)));
    assert.equal(status, 403);
    assert.match(text, /for <img> and CSS/);
    assert.deepEqual(client.asked, []);
  });
}

for (const url of [
  `${ORIGIN}/mount/${ID}`, `${ORIGIN}/mount/-/client/index.js`, `${ORIGIN}/mount/-/images/${ID}`, `${ORIGIN}/`,
  `${ORIGIN}/other/-/image/${ID}`, `https://evil.example/mount/-/image/${ID}`, `https://app.example.evil/mount/-/image/${ID}`,
  `https://app.example:444/mount/-/image/${ID}`, `http://app.example/mount/-/image/${ID}`, `blob:${IMAGES}${ID}`,
  `${ORIGIN}/mount/-%2Fimage/${ID}`,
]) {
  test(`a request for something else is left to the browser: ${url}`, () => {
    assert.equal(createAnswer(clientOf(), IMAGES)(request("", { url })), undefined);
  });
}

for (const type of ["image/svg+xml", "text/html", "", "image/png; x", "application/pdf", "image/x-icon"]) {
  test(`a file that is no raster image is never sent: ${JSON.stringify(type)}`, async () => {
    const client = clientOf(new Blob(["<svg onload='alert(1)'>"], { type }));
    assert.deepEqual(await refusalOf(await createAnswer(client, IMAGES)(request())), [415, "this is no picture of pixels"]);
  });
}

for (const [error, status, text] of [
  [new NotFoundError("there is no such image (any more)"), 404, "NotFoundError: there is no such image (any more)"],
  [new RefusedError("the application refused", { status: 401 }), 403, "RefusedError: the application refused"],
  [new FetchError("the application can't be reached"), 502, "FetchError: the application can't be reached"],
  [new DOMException("the cache was cleared", "AbortError"), 502, "AbortError: the cache was cleared"],
  [new TypeError("oops"), 502, "TypeError: oops"],
]) {
  test(`an image that can't be had is an answer that says why: ${text}`, async () => {
    assert.deepEqual(await refusalOf(await createAnswer(failing(error), IMAGES)(request())), [status, text]);
  });
}

test("a picture is read to its end before the response, because a later worker may break off a stream", async () => {
  const image = Object.assign(new Blob(["picture"], { type: "image/png" }), {
    arrayBuffer: () => Promise.reject(new DOMException("The file is gone.", "NotReadableError")),
  });
  const response = await createAnswer(clientOf(image), IMAGES)(request());
  assert.deepEqual(await refusalOf(response), [502, "NotReadableError: The file is gone."]);
});

test("a page that leaves ends the request", async () => {
  const controller = new AbortController();
  const client = { ...clientOf(), getImage: (record, { signal }) => new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  }) };
  const response = createAnswer(client, IMAGES)(request(ID, { signal: controller.signal }));
  await new Promise((resolve) => setTimeout(resolve));
  controller.abort();
  assert.equal((await refusalOf(await response))[0], 502);
});

const at = (query, path = "/mount/-/client/service-worker.js") => settingsIn(`${ORIGIN}${path}?${query}`);

test("all settings of a worker are in its URL", () => {
  assert.deepEqual(at("recordsUrl=/api/records"), {
    endpoint: `${ORIGIN}/mount`, recordsUrl: `${ORIGIN}/api/records`,
  });
  const all = "recordsUrl=/r&namespace=guest%201&databaseName=mine&cache=memory&keyPair=stored";
  assert.deepEqual(at(all), {
    endpoint: `${ORIGIN}/mount`, recordsUrl: `${ORIGIN}/r`, namespace: "guest 1", databaseName: "mine", cache: "memory",
    keyPair: "stored",
  });
});

test("offline is a text in a URL, and true or false in the settings of an importing worker", () => {
  assert.equal(at("recordsUrl=/r&offline=true").offline, true);
  assert.equal(settingsIn(`${ORIGIN}/sw.js`, { recordsUrl: "/r", offline: true }).offline, true);
  for (const settings of [at("recordsUrl=/r&offline=false"), settingsIn(`${ORIGIN}/sw.js`, { recordsUrl: "/r", offline: false })]) {
    assert.ok(!("offline" in settings));
  }
});

test("a URL can set nothing else, nor move the images elsewhere", () => {
  const settings = at("recordsUrl=/r&endpoint=https://evil.example&headers=x&__proto__=y&credentials=include&x=/-/client/");
  assert.deepEqual(settings, { endpoint: `${ORIGIN}/mount`, recordsUrl: `${ORIGIN}/r` });
  assert.equal(at("recordsUrl=/r", "/service-worker.js").endpoint, `${ORIGIN}/pixstore-image`);
  assert.equal(at("recordsUrl=/r", "/-/client/service-worker.js").endpoint, ORIGIN);
});

for (const recordsUrl of [
  "https://evil.example/records", "//evil.example/records", "/\\evil.example", "data:application/json,{}", "blob:x",
  "javascript:0", `blob:${ORIGIN}/0e6a`, `filesystem:${ORIGIN}/temporary/r`, "https://me@app.example/r", "http://app.example/records", "https://app.example:444/records", undefined,
]) {
  test(`records must come from this origin, because their source chooses the pictures: ${recordsUrl}`, () => {
    const query = recordsUrl === undefined ? "" : new URLSearchParams({ recordsUrl });
    assert.throws(() => at(query), { name: "ConfigError", message: "recordsUrl must be a URL of this origin" });
  });
}

let starts = 0;

/** Start the worker, as the browser does when it needs it; a killed worker leaves only its storage. */
async function start(t, query = "recordsUrl=/api/records", path = "/mount/-/client/service-worker.js") {
  const listeners = {};
  const done = [];
  setGlobal(t, "location", new URL(`${ORIGIN}${path}?${query}`));
  setGlobal(t, "addEventListener", (type, listener) => (listeners[type] = listener));
  setGlobal(t, "skipWaiting", async () => done.push("skipWaiting"));
  setGlobal(t, "clients", { claim: async () => done.push("claim") });
  await import(`../../js_client/src/service-worker/index.js?${(starts += 1)}`);
  const tell = (type, event = {}) => {
    const waiting = [];
    listeners[type]({ waitUntil: (promise) => waiting.push(promise), ...event });
    return Promise.all(waiting);
  };
  const show = (rest) => {
    let response;
    listeners.fetch({ request: request(rest), respondWith: (promise) => (response = promise) });
    return response;
  };
  return { done, tell, show, listeners };
}

/** Start a service worker of the application, which imports the script. */
function startImported(t, settings) {
  setGlobal(t, "pixstoreImageWorker", settings);
  return start(t, "", "/sw.js");
}

/** A site with one picture; `asked` has the paths and queries that it was asked for. */
function site(t) {
  const server = createServer();
  const record = server.save(ID, "picture");
  const asked = [];
  setGlobal(t, "fetch", async (url, { credentials, signal }) => {
    const { origin, pathname, search } = new URL(url);
    assert.deepEqual([origin, credentials], [ORIGIN, "same-origin"]);
    assert.ok(signal, "a request that nothing could end");
    asked.push(pathname + search);
    return pathname === "/api/records" ? Response.json({ [ID]: record }) : new Response(successPayload(server.version(ID)));
  });
  return asked;
}

test("the worker takes over at once, and whenever a page asks for it", async (t) => {
  const { done, tell } = await start(t);
  await tell("install");
  await tell("activate");
  await tell("message", { data: "claim" });
  assert.deepEqual(done, ["skipWaiting", "claim", "claim"]);
});

test("a browser that can is told for which requests alone it need start the worker", async (t) => {
  const { tell } = await start(t);
  const routes = [];
  await tell("install", { addRoutes: async (given) => void routes.push(...given) });
  const urlPattern = { pathname: "/mount/\\-/image/*" };
  assert.deepEqual(routes, [{ condition: { not: { urlPattern } }, source: "network" }]);
  await tell("install", { addRoutes: () => Promise.reject(new TypeError("no such condition")) });
});

test("images come by a fresh record each time, those of a moment by one question, and no record is stored", async (t) => {
  const asked = site(t);
  const { show } = await start(t);
  const answers = await Promise.all([show(), show(), show("players%3Aabc?v=1")]);
  assert.deepEqual(await Promise.all(answers.map((answer) => answer.text())), ["picture", "picture", "picture"]);
  assert.deepEqual(asked, ["/api/records?id=players:abc", "/mount/players:abc"]);
  assert.equal((await show()).status, 200);
  assert.deepEqual(asked.slice(2), ["/api/records?id=players:abc"], "the image was in memory, the record was not");
  await until(async () => (await dump()).entries.length === 1);
  assert.doesNotMatch(JSON.stringify(await dump()), /statelessProof|meta/);
});

test("a worker that was killed goes on without state: the image is stored, the record is asked for anew", async (t) => {
  const asked = site(t);
  assert.equal((await (await start(t)).show()).status, 200);
  await until(async () => (await dump()).entries.length === 1);
  assert.equal(await (await (await start(t)).show()).text(), "picture");
  assert.deepEqual(asked, ["/api/records?id=players:abc", "/mount/players:abc", "/api/records?id=players:abc"]);
});

test("a picture is not kept again if its record came after the cache was cleared", async () => {
  const client = clientOf();
  let removed;
  const answer = createAnswer({
    ...client,
    onRemoved: (listener) => void (removed = listener),
    async getRecord(id) {
      removed({ type: "deleted", id: "another" });
      removed({ type: "cleared" });
      return { id };
    },
    getImage: () => assert.fail("asked for"),
  }, IMAGES);
  assert.deepEqual(await refusalOf(await answer(request())), [502, "the cache was cleared"]);
});

test("a service worker of the application that imports the script shows images, and decides all else itself", async (t) => {
  const asked = site(t);
  const { show, listeners } = await startImported(t, { recordsUrl: "/api/records", endpoint: "/mount", namespace: "ada" });
  assert.deepEqual(["install", "activate", "message"].filter((type) => type in listeners), []);
  assert.equal(await (await show()).text(), "picture");
  assert.deepEqual(asked, ["/api/records?id=players:abc", "/mount/players:abc"]);
  await until(async () => (await dump()).entries.some(([[namespace]]) => namespace === "ada"));
});

test("an importing worker has the usual endpoint by default", () => {
  assert.equal(settingsIn(`${ORIGIN}/sw.js`, { recordsUrl: "/r" }).endpoint, `${ORIGIN}/pixstore-image`);
});

for (const [settings, message] of [
  [{ recordsUrl: "https://evil.example/records" }, /^recordsUrl must be a URL of this origin/],
  [{ recordsUrl: "/r", unknown: 1 }, /^unknown is no option/],
  [undefined, /^recordsUrl must be a URL of this origin/],
]) {
  test(`an importing worker with unusable settings fails: ${JSON.stringify(settings)}`, async (t) => {
    await assert.rejects(startImported(t, settings), { name: "ConfigError", message });
  });
}

test("requests for anything else are none of the worker's", async (t) => {
  const { tell } = await start(t);
  await tell("fetch", { request: { url: `${ORIGIN}/page` }, respondWith: () => assert.fail("answered") });
});

test("a worker that can't work is refused where it is registered", async (t) => {
  await assert.rejects(start(t, "cache=encrypted"), { name: "ConfigError" });
  await assert.rejects(start(t, "recordsUrl=/r&cache=everything"), { name: "ConfigError" });
  await assert.rejects(start(t, "recordsUrl=/r&namespace="), { name: "ConfigError" });
});

test("a sign-out in another tab is heard while the worker's first record comes", async () => {
  let give;
  const coming = new Promise((resolve) => (give = resolve));
  const [worker, tab] = [createClient({ refreshRecord: () => coming }), createClient()];
  const response = createAnswer(worker, IMAGES)(request());
  let isHeard = false;
  worker.onRemoved(({ type }) => (isHeard ||= type === "cleared"));
  await tab.clear();
  await until(() => isHeard);
  give({ id: ID });
  assert.deepEqual(await refusalOf(await response), [502, "the cache was cleared"]);
  worker.close();
  tab.close();
});
