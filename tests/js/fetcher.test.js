import assert from "node:assert/strict";
import { createServer } from "node:http";
import { once } from "node:events";
import { test } from "node:test";

import { createFetcher } from "../../js_client/src/fetcher.js";
import { FetchError, RefusedError } from "../../js_client/src/index.js";
import { recordOf, seal } from "./support/server.js";
import { stubFetch } from "./support/fetch.js";

const RECORD = recordOf("players:abc", { token: 5, ...seal(Buffer.from("image")) }, "a-proof");

/** Fetch RECORD from a real HTTP server that answers with `respond`. */
async function fetchFrom(t, respond) {
  const server = createServer(respond).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  t.after(() => server.closeAllConnections());
  return createFetcher(`http://127.0.0.1:${server.address().port}/pixstore-image`)(RECORD);
}

const isFetchError = (status) => (error) => error instanceof FetchError && error.status === status;

test("the request is a GET of the encoded id with proof and token in headers, past the HTTP cache", async () => {
  const respond = () => new Response(Uint8Array.of(2));
  const [call] = await stubFetch(respond, () => createFetcher("/pixstore-image")(RECORD));
  assert.equal(call.url, "/pixstore-image/players%3Aabc");
  assert.deepEqual(call.init, {
    headers: { "x-pixstore-proof": "a-proof", "x-pixstore-token": "5" },
    cache: "no-store",
    credentials: "same-origin",
    redirect: "manual",
    signal: null,
    priority: "auto",
  });
});

test("the whole body comes back as bytes", async (t) => {
  const body = await fetchFrom(t, (request, response) => response.end(`${request.method} ${request.url}`));
  assert.equal(Buffer.from(body).toString(), "GET /pixstore-image/players%3Aabc");
});

test("an HTTP status other than 2xx is a FetchError with that status; 401 and 403 are a refusal", async (t) => {
  for (const status of [400, 404, 500]) {
    await assert.rejects(fetchFrom(t, (_, response) => response.writeHead(status).end()), isFetchError(status));
  }
  for (const status of [401, 403]) {
    await assert.rejects(fetchFrom(t, (_, response) => response.writeHead(status).end()), (error) => {
      return error instanceof RefusedError && error.status === status && error.reason === "authorize";
    });
  }
});

test("a redirect is not followed, so that the proof stays with the endpoint", async (t) => {
  const seen = [];
  const redirect = (request, response) => {
    seen.push(request.url);
    response.writeHead(302, { location: "/elsewhere" }).end();
  };
  await assert.rejects(fetchFrom(t, redirect), isFetchError(302));
  assert.equal(seen.length, 1);
});

test("a body cut short of its Content-Length is a FetchError with its cause", async (t) => {
  const cut = (_, response) => {
    response.writeHead(200, { "content-length": 100 }).write("half");
    setTimeout(() => response.destroy(), 20);
  };
  await assert.rejects(fetchFrom(t, cut), (error) => isFetchError(undefined)(error) && error.cause instanceof Error);
});

test("a network that fails is a FetchError with its cause and no status", async () => {
  const fails = () => {
    throw new TypeError("offline");
  };
  const isOffline = (error) => isFetchError(undefined)(error) && error.cause.message === "offline";
  await stubFetch(fails, () => assert.rejects(createFetcher("/x")(RECORD), isOffline));
});
