/**
 * The service worker behind `<img src="/pixstore-image/-/image/ID">`, which `registerImageWorker` registers.
 *
 * It has no state that a page could miss, so a new one takes over at once.
 */

import { createClient } from "../client.js";
import { createAnswer } from "./answer.js";
import { settingsIn } from "./settings.js";

/**
 * What TypeScript's types of pages lack.
 *
 * @typedef {object} WorkerScope
 * @property {{claim: () => Promise<void>}} clients
 * @property {() => Promise<void>} skipWaiting
 * @property {(type: string, listener: (event: any) => void) => void} addEventListener
 */

const worker = /** @type {WorkerScope} */ (/** @type {unknown} */ (globalThis));
const settings = settingsIn(location.href);
const images = `${settings.endpoint}/-/image/`;
const client = createClient(settings);
const answer = createAnswer(client, images);

worker.addEventListener("install", (event) => {
  event.waitUntil(worker.skipWaiting());
  // Chromium need not start the worker for all the other requests of its pages.
  const pathname = `${new URL(images).pathname.replace(/[^\w/]/g, "\\$&")}*`;
  const routes = [{ condition: { not: { urlPattern: { pathname } } }, source: "network" }];
  event.waitUntil(event.addRoutes?.(routes).catch(() => {}));
});

worker.addEventListener("activate", (event) => event.waitUntil(worker.clients.claim()));

// A page that was reloaded past the worker asks for it.
worker.addEventListener("message", (event) => event.waitUntil(worker.clients.claim()));

worker.addEventListener("fetch", (event) => {
  const response = answer(event.request);
  if (response) event.respondWith(response);
});
