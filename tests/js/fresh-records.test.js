/** Records that the client asks for itself, at `recordsUrl` or by a function of the application. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { ConfigError, FetchError, NotFoundError, RecordError, RefusedError } from "../../js_client/src/index.js";
import { setGlobal, textOf } from "./support/page.js";
import { createClient, ID, server } from "./support/site.js";

const OTHER = "players:def";

/** Answer requests for records, and return the URLs and options that were asked for. */
function answerRecords(t, records, status = 200) {
  const asked = [];
  setGlobal(t, "fetch", async (url, init) => {
    asked.push({ url, ...init });
    return Response.json(records, { status });
  });
  return asked;
}

test("recordsUrl is asked once for the records of a moment, as a page of this origin, and none is kept", async (t) => {
  const records = { [ID]: server.save(ID, "one"), [OTHER]: server.save(OTHER, "other") };
  const asked = answerRecords(t, records);
  const client = createClient({ recordsUrl: "/api/records" });
  const found = await Promise.all([ID, OTHER, ID].map((id) => client.getRecord(id)));
  assert.deepEqual(found, [records[ID], records[OTHER], records[ID]]);
  const [{ url, credentials, cache, redirect }, ...others] = asked;
  assert.equal(url, "/api/records?id=players:abc&id=players:def");
  assert.deepEqual([credentials, cache, redirect], ["same-origin", "no-store", "manual"]);
  assert.deepEqual(others, []);
});

test("the headers of the configuration go to recordsUrl, too", async (t) => {
  const asked = answerRecords(t, { [ID]: server.save(ID, "one") });
  // A client without a fetcher of its own: headers are for requests.
  const client = createClient({ recordsUrl: "/records", headers: { authorization: "Bearer x" } }, null);
  await client.getRecord(ID);
  assert.equal(asked[0].headers.authorization, "Bearer x");
});

test("an expired proof is renewed by recordsUrl", async (t) => {
  const fresh = server.save(ID, "picture");
  const asked = answerRecords(t, { [ID]: fresh });
  const client = createClient({ recordsUrl: "/records" });
  assert.equal(await textOf(await client.getImage({ ...fresh, proofExpiresAt: 1 })), "picture");
  assert.equal(asked.length, 1);
});

test("a variant's record is that of its name in the image's", async () => {
  const thumb = server.save(`${ID}~thumb`, "thumb");
  const asked = [];
  const refreshRecord = (id, context) => {
    asked.push([id, context]);
    return { ...server.save(ID, "whole"), variants: { thumb } };
  };
  const client = createClient({ refreshRecord });
  assert.equal(await client.getRecord(`${ID}~thumb`, "page"), thumb);
  await assert.rejects(client.getRecord(`${ID}~card`), NotFoundError);
  assert.deepEqual(asked[0], [ID, "page"]);
});

test("an image without a record in the answer is not found", async (t) => {
  answerRecords(t, {});
  await assert.rejects(createClient({ recordsUrl: "/records" }).getRecord(ID), NotFoundError);
});

test("an application that refuses, fails or redirects is told as such", async (t) => {
  const client = createClient({ recordsUrl: "/records" });
  answerRecords(t, {}, 403);
  await assert.rejects(client.getRecord(ID), (error) => error instanceof RefusedError && error.reason === "authorize");
  answerRecords(t, {}, 500);
  await assert.rejects(client.getRecord(ID), (error) => error instanceof FetchError && error.status === 500);
});

test("an answer without records, or with the record of another image, is refused", async (t) => {
  const client = createClient({ recordsUrl: "/records" });
  answerRecords(t, "records");
  await assert.rejects(client.getRecord(ID), ConfigError);
  const other = createClient({ refreshRecord: () => server.save(OTHER, "other") });
  await assert.rejects(other.getRecord(ID), RecordError);
});

test("without a word of where records are there is a clear error", async () => {
  await assert.rejects(createClient().getRecord(ID), { name: "ConfigError", message: /recordsUrl/ });
});

test("recordsUrl is not waited for longer than timeoutMs", async (t) => {
  setGlobal(t, "fetch", (url, { signal }) => new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  }));
  // The time limit alone keeps no program alive.
  const running = setInterval(() => {}, 1000);
  t.after(() => clearInterval(running));
  const error = { name: "FetchError", message: "the application can't be reached" };
  await assert.rejects(createClient({ recordsUrl: "/records", timeoutMs: 5 }).getRecord(ID), error);
});

test("an invalid id is not requested and does not harm other ids", async (t) => {
  const asked = answerRecords(t, { [ID]: server.save(ID, "one") });
  const client = createClient({ recordsUrl: "/records" });
  const wrong = ["x".repeat(10_000), "", "../secrets", `${ID}~`, null];
  const [found, ...refused] = await Promise.allSettled([ID, ...wrong].map((id) => client.getRecord(id)));
  assert.equal(found.value.id, ID);
  assert.ok(refused.every(({ reason }) => reason instanceof NotFoundError));
  assert.deepEqual(asked.map(({ url }) => url), ["/records?id=players:abc"]);
});

test("an answer that is no JSON, such as a login page, means that the application can't be reached", async (t) => {
  setGlobal(t, "fetch", async () => new Response("<!doctype html>"));
  const error = await createClient({ recordsUrl: "/records" }).getRecord(ID).catch((caught) => caught);
  assert.ok(error instanceof FetchError);
  assert.ok(error.cause instanceof SyntaxError);
});
