/**
 * An application around the back end of npm's pixstore, unmodified: its default endpoint or an endpoint of the
 * application's own, an API that tests call, and a page. tests/interop/our_app.py is the same around ours.
 *
 * Argument: JSON {"config": for initPixstoreBackend, "page": folder}. Prints {"app", "endpoint"}, two URLs, when ready.
 */

import crypto from "node:crypto";
import { readFile } from "node:fs/promises";
import http from "node:http";
import path from "node:path";
import { buffer } from "node:stream/consumers";

// The package draws its proofs' salt while it is imported, and exports it nowhere.
const { randomBytes } = crypto;
let salt;
crypto.randomBytes = (length) => (salt = randomBytes(length));
const pixstore = await import("pixstore/backend/index.js");
crypto.randomBytes = randomBytes;
const { pixstoreConfig } = await import("pixstore/shared/pixstore-config.js");

const TYPES = { ".html": "text/html", ".js": "text/javascript" };
console.log = console.error; // standard output is for the two URLs
const real = { now: Date.now, random: Math.random };
const { config, page } = JSON.parse(process.argv[2]);

const calls = {
  save: ({ directory }, image) => pixstore.saveImage(image, directory),
  update: ({ id }, image) => pixstore.updateImage(id, image),
  delete: ({ id }) => pixstore.deleteImage(id),
  exists: ({ id }) => pixstore.imageExists(id),
  record: ({ id }) => pixstore.getImageRecord(id),
  secret: () => salt.toString("hex"),
  freeze: ({ now }) => {
    Date.now = () => Number(now);
    Math.random = () => 0.5;
  },
  thaw: () => {
    Date.now = real.now;
    Math.random = real.random;
  },
};

async function call(name, query, request) {
  try {
    return { result: (await calls[name](query, await buffer(request))) ?? null };
  } catch (error) {
    return { error: error.name };
  }
}

/** The endpoint of the application's own, with the application's rule before it. */
async function ownEndpoint(id, { headers }, response) {
  if (headers.authorization !== "Bearer letmein") return response.writeHead(403).end();
  const token = headers["x-pixstore-token"];
  const payload = await pixstore.customEndpointHelper(id, token && Number(token), headers["x-pixstore-proof"]);
  return response.writeHead(200, { "content-type": "application/octet-stream" }).end(payload);
}

async function file(name, response) {
  const found = await readFile(path.join(page, name)).catch(() => undefined);
  if (!found) return response.writeHead(404).end();
  return response.writeHead(200, { "content-type": TYPES[path.extname(name)] }).end(found);
}

const app = http.createServer(async (request, response) => {
  const url = new URL(request.url, "http://127.0.0.1");
  const [, first, second] = url.pathname.split("/");
  if (first === "my-images") return ownEndpoint(decodeURIComponent(second), request, response);
  if (first !== "call") return file(url.pathname === "/" ? "index.html" : url.pathname, response);
  const answer = await call(second, Object.fromEntries(url.searchParams), request);
  return response.end(JSON.stringify(answer));
});

pixstore.initPixstoreBackend(config);
app.listen(0, "127.0.0.1", () => {
  const { defaultEndpointEnabled, defaultEndpointListenPort, defaultEndpointRoute } = pixstoreConfig;
  const own = `http://127.0.0.1:${app.address().port}`;
  const endpoint = `http://127.0.0.1:${defaultEndpointListenPort}${defaultEndpointRoute}`;
  const urls = { app: own, endpoint: defaultEndpointEnabled ? endpoint : `${own}/my-images` };
  process.stdout.write(`${JSON.stringify(urls)}\n`);
});
