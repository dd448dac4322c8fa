/** Caches on an IndexedDB of their own. */

import { test } from "node:test";

import { IDBObjectStore } from "fake-indexeddb";

import { createCache } from "../../../js_client/src/cache/cache.js";
import { dump, patch } from "./storage.js";

export const NAME = "images";
export const ID = "players:abc";

export const cacheOf = (options = {}) =>
  createCache({
    databaseName: NAME,
    namespace: "me",
    cache: "encrypted",
    cacheLimit: 100,
    cacheBytes: 1_000_000,
    cleanupBatch: 0,
    ...options,
  });

export const bytesOf = (text) => new Uint8Array(Buffer.from(text));
export const image = bytesOf("image");
/** Write as after a download that has begun just now, or after the removal `since`. */
export const write = async (cache, id, { token = 1, bytes = image, since } = {}) =>
  cache.write(id, token, bytes, since ?? (await cache.latestRemoval()));

export const idsIn = async (store = "entries") => (await dump(NAME))[store].map(([key]) => key[1]);

/** Note the calls of the stores' methods during a test: [[method, store], …]. */
export function watched(t, ...methods) {
  const calls = [];
  for (const method of methods) {
    patch(t, IDBObjectStore.prototype, method, function note(original, ...args) {
      calls.push([method, this.name]);
      return original.apply(this, args);
    });
  }
  return calls;
}
