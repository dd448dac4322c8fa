/**
 * The service worker behind `<img src="/pixstore-image/-/image/ID">`, which `registerImageWorker` registers.
 *
 * A service worker of the application can import this script instead, because a page has only one service worker. It
 * sets `pixstoreImageWorker` before, and decides itself when a new version takes over.
 */

import { createClient } from "../client.js";
import { createAnswer, settingsIn } from "./answer.js";

/**
 * The global scope of a service worker, which TypeScript's `dom` types lack.
 *
 * @typedef {object} WorkerScope
 * @property {{claim: () => Promise<void>}} clients
 * @property {() => Promise<void>} skipWaiting
 * @property {(type: string, listener: (event: any) => void) => void} addEventListener
 * @property {import("../options/options.js").PixstoreConfig} [pixstoreImageWorker]  settings of an importing worker
 */

const worker = /** @type {WorkerScope} */ (/** @type {unknown} */ (globalThis));
const own = worker.pixstoreImageWorker;
const settings = settingsIn(location.href, own);
const images = `${settings.endpoint}/-/image/`;
const client = createClient(settings);
const answer = createAnswer(client, images);

if (!own) {
  worker.addEventListener("install", (event) => {
    // The worker has no state of its own, so a new version can take over at once.
    event.waitUntil(worker.skipWaiting());
    // Chromium then does not start the worker for other requests of its pages.
    const pathname = `${new URL(images).pathname.replace(/[^\w/]/g, "\\$&")}*`;
    const routes = [{ condition: { not: { urlPattern: { pathname } } }, source: "network" }];
    event.waitUntil(event.addRoutes?.(routes).catch(() => {}));
  });

  worker.addEventListener("activate", (event) => event.waitUntil(worker.clients.claim()));

  // A page asks for control after a reload with the shift key, which bypasses the worker.
  worker.addEventListener("message", (event) => event.waitUntil(worker.clients.claim()));
}

worker.addEventListener("fetch", (event) => {
  const response = answer(event.request);
  if (response) event.respondWith(response);
});
