/** Stores images in the cache, evicts others to make room, and writes when images were used. */

import { BATCH_LIMIT, coalesce } from "../coalesce.js";
import { createLastUsed, sizeOfAll, victims } from "./eviction.js";
import { TOO_LONG, done } from "./indexeddb.js";
import { ENTRIES, keyOf, nameOf } from "./object-stores.js";
import { removedSince } from "./removals.js";

/** @import { Entry } from "./cache.js" */
/** @import { Limits } from "./eviction.js" */
/** @import { Stores } from "./object-stores.js" */

/** @typedef {{entry: Entry, view: Uint8Array<ArrayBuffer>, since: number}} Writing */

/** Measured: Blob values are faster from this size on, and slower below. */
const BLOB_BYTES = 500_000;

/**
 * Chromium breaks some Blobs if a page has many megabytes of them, so the images of a large burst are stored as arrays.
 */
const BURST_BYTES = 30_000_000;

/**
 * In a private window WebKit cannot store a Blob: the request fails or never ends. Only WebKit's errors have the
 * property `line`, also in workers, where `navigator.vendor` is missing.
 */
const isWebKit = () => "line" in Error();

/**
 * @param {Stores} stores
 * @param {Limits & {namespace: string}} options
 */
export function createWriter(stores, { namespace, ...limits }) {
  let storesBlobs = !isWebKit();

  const { touch, flush, takeAll } = createLastUsed(() => {
    // No caller waits for this. The next read or write reports a failure of the storage.
    stores.transact([ENTRIES], "readwrite", markUsed).catch(() => {});
  });

  /** @param {IDBObjectStore} entries */
  async function markUsed(entries) {
    const noting = Array.from(takeAll(), async ([id, lastUsed]) => {
      const entry = await done(entries.get(keyOf({ namespace, id })));
      // An image that was deleted meanwhile stays deleted.
      if (entry) entries.put({ ...entry, lastUsed });
    });
    await Promise.all(noting);
  }

  /**
   * Copy a view, because IndexedDB stores its whole buffer: the response body, and its head may hold the image's key.
   *
   * @param {Uint8Array<ArrayBuffer>} view
   * @param {boolean} isBurst
   */
  const storable = (view, isBurst) => (storesBlobs && !isBurst && isLarge(view) ? new Blob([view]) : view.slice());

  /** @param {Writing[]} images */
  const put = (images) =>
    stores.change(async (entries, bytes, deleted) => {
      const isRemoved = await removedSince(deleted, namespace);
      const list = await stores.learn(entries);
      const isBurst = sizeOfAll(images.map(({ entry }) => entry)) > BURST_BYTES;
      for (const { entry, view, since } of images) {
        const isOutdated = Number(list.get(nameOf(entry))?.token) > entry.token;
        // The message about the removal has not arrived yet.
        if (isRemoved(entry.id, since)) stores.forget();
        else if (!isOutdated) stores.put(entries, bytes, entry, storable(view, isBurst));
      }
      if (list.size > limits.cacheLimit || sizeOfAll(list.values()) > limits.cacheBytes) {
        await evict(entries, bytes, 0);
      }
      return [];
    });

  /**
   * @param {IDBObjectStore} entries
   * @param {IDBObjectStore} bytes
   * @param {number} needed
   */
  async function evict(entries, bytes, needed) {
    await markUsed(entries);
    for (const entry of victims(await stores.list(entries), limits, needed)) stores.remove(entries, bytes, entry);
  }

  /** @param {Writing[]} images */
  const write = (images) =>
    put(images).catch(async (error) => {
      if (error.cause?.name === "QuotaExceededError") {
        const needed = sizeOfAll(images.map(({ entry }) => entry));
        await stores.change((entries, bytes) => evict(entries, bytes, needed));
      } else if (storesBlobs && error.cause !== TOO_LONG && images.some(({ view }) => isLarge(view))) {
        storesBlobs = false;
      } else throw error;
      return put(images);
    });

  return { touch, flush, write: coalesce(write, BATCH_LIMIT, { isInTurn: true }) };
}

/** @param {{length: number}} view */
const isLarge = ({ length }) => length >= BLOB_BYTES;
