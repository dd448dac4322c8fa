import assert from "node:assert/strict";
import { createServer } from "node:http";
import { once } from "node:events";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

import { createFetcher } from "../../js_client/src/network/fetch.js";
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

/** Fetch RECORD with a stub in place of fetch: the body, and the calls of `onProgress`, [loaded, total]. */
async function fetchBody(respond) {
  const seen = [];
  const onProgress = ({ loaded, total }) => seen.push([loaded, total]);
  let body;
  await stubFetch(respond, async () => {
    body = await createFetcher("/x")(RECORD, undefined, { onProgress });
  });
  return { body, seen };
}

/** A response that comes in pieces. */
function piecesOf(texts, headers) {
  const pieces = texts.map((text) => new Uint8Array(Buffer.from(text)));
  const start = (stream) => {
    pieces.forEach((piece) => stream.enqueue(piece));
    stream.close();
  };
  return new Response(new ReadableStream({ start }), { headers });
}

const isFetchError = (status) => (error) => error instanceof FetchError && error.status === status;

test("the request is a GET of the encoded id with proof and token in headers, past the HTTP cache", async () => {
  const respond = () => new Response(Uint8Array.of(2));
  const [call] = await stubFetch(respond, () => createFetcher("/pixstore-image")(RECORD));
  assert.equal(call.url, "/pixstore-image/players:abc");
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
  assert.equal(Buffer.from(body).toString(), "GET /pixstore-image/players:abc");
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

test("the signal is handed to fetch", async () => {
  const { signal } = new AbortController();
  const fetcher = createFetcher("/x");
  const [call] = await stubFetch(() => new Response(Uint8Array.of(2)), () => fetcher(RECORD, undefined, { signal }));
  assert.equal(call.init.signal, signal);
});

test("a redirect as browsers show it, with status 0 and no body, is a FetchError with that status", async () => {
  await stubFetch(() => Response.error(), () => assert.rejects(createFetcher("/x")(RECORD), isFetchError(0)));
});

test("the unread body of an HTTP error is cancelled", async () => {
  let cancels = 0;
  const cancel = () => {
    cancels += 1;
  };
  const respond = () => new Response(new ReadableStream({ cancel }), { status: 500 });
  await stubFetch(respond, () => assert.rejects(createFetcher("/x")(RECORD), isFetchError(500)));
  assert.equal(cancels, 1);
});

test("a body that was compressed on its way comes whole with any Content-Length", async (t) => {
  const text = `\0${"image ".repeat(500)}`;
  const compressed = gzipSync(text);
  const respond = (_, response) => {
    response.writeHead(200, { "content-encoding": "gzip", "content-length": compressed.length }).end(compressed);
  };
  assert.equal(Buffer.from(await fetchFrom(t, respond)).toString(), text);
  // Another origin hides the header that would tell.
  const hidden = () => {
    const response = new Response(text, { headers: { "content-length": String(compressed.length) } });
    return Object.defineProperty(response, "type", { value: "cors" });
  };
  assert.equal(Buffer.from((await fetchBody(hidden)).body).toString(), text);
});

test("a length that can't be is a FetchError that is final, and the body is cancelled", async () => {
  for (const length of ["99999999999", "-5"]) {
    let cancels = 0;
    const body = () => new ReadableStream({ cancel: () => void (cancels += 1) });
    const respond = () => new Response(body(), { headers: { "content-length": length } });
    await assert.rejects(fetchBody(respond), isFetchError(200));
    assert.equal(cancels, 1);
  }
});

test("a body of an unknown length is read no further than 512 MiB and a piece", async () => {
  const piece = new Uint8Array(2 ** 24);
  let pulls = 0;
  const pull = (stream) => {
    pulls += 1;
    stream.enqueue(piece);
  };
  const endless = () => new Response(new ReadableStream({ pull }, { highWaterMark: 0 }));
  await assert.rejects(fetchBody(endless), (error) => isFetchError(200)(error) && /is too long/.test(error.message));
  assert.equal(pulls, 34);
});

test("a body of an unknown length that is no payload is read no further than the piece after its first", async () => {
  let pulls = 0;
  const pull = (stream) => {
    pulls += 1;
    stream.enqueue(new Uint8Array(Buffer.from("<!doctype html>")));
  };
  const endless = () => new Response(new ReadableStream({ pull }, { highWaterMark: 0 }));
  await assert.rejects(fetchBody(endless), { name: "WireError", reason: "unknown-state" });
  assert.equal(pulls, 2);
});

test("a body of a known length tells its progress by the piece, and has room for a tag and no more", async () => {
  const { body, seen } = await fetchBody(() => piecesOf(["im", "age"], { "content-length": "5" }));
  assert.equal(Buffer.from(body).toString(), "image");
  assert.deepEqual(seen, [[2, 5], [5, 5]]);
  assert.equal(body.buffer.byteLength, 5 + 16);
});

test("a body of an unknown length tells its progress at its end, and has room for a tag as well", async () => {
  const { body, seen } = await fetchBody(() => piecesOf(["\0im", "age"]));
  assert.equal(Buffer.from(body).toString(), "\0image");
  assert.deepEqual(seen, [[6, 6]]);
  assert.equal(body.buffer.byteLength, 6 + 16);
});
