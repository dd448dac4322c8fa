/** The npm package's front end, unmodified, and records that it does not know all of. */

import "fake-indexeddb/auto";

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { test } from "node:test";

import { createServer, successPayload } from "./support/server.js";

globalThis.window = globalThis; // npm's pixstore asks for window.crypto
const { readAll } = await import("./interop/clients.js");

test("npm's client reads an image with variants, and a variant by its own record, with an unescaped ~ in the path", async (t) => {
  const images = createServer();
  const ids = ["players:abc", "players:abc~thumb"];
  const [record, thumb] = ids.map((id) => images.save(id, id));
  const whole = { ...record, width: 480, height: 320, placeholder: "1QcSHQRnh493V4dIh4eXh1h4kJUI", variants: { thumb } };
  const paths = [];
  const http = createHttpServer((request, response) => {
    paths.push(request.url);
    response.end(successPayload(images.version(decodeURIComponent(request.url.split("/").at(-1)))));
  });
  await once(http.listen(0, "127.0.0.1"), "listening");
  t.after(() => http.close());

  const config = { defaultEndpointConnectHost: "127.0.0.1", defaultEndpointConnectPort: http.address().port };
  const records = [whole, whole.variants.thumb, whole, whole.variants.thumb];
  const answers = await readAll({ client: "npm", config, records });

  const digest = (text) => createHash("sha256").update(text).digest("hex");
  assert.deepEqual(answers.map(({ sha256 }) => sha256), [...ids, ...ids].map(digest));
  assert.deepEqual(paths, ["/pixstore-image/players%3Aabc", "/pixstore-image/players%3Aabc~thumb"]);
});
