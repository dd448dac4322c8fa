/** The image cache: one version per namespace and image id. The least recently used images are evicted first. */

import { BATCH_LIMIT, coalesce } from "../coalesce.js";
import { isStored } from "../options/options.js";
import { risingTime, sizeOfAll } from "./eviction.js";
import { done } from "./indexeddb.js";
import { BYTES, ENTRIES, createStores, keyOf } from "./object-stores.js";
import { noteRemoval } from "./removals.js";
import { createWriter } from "./write.js";

/** @import { CacheKind } from "../options/options.js" */

/**
 * The metadata of one cached image.
 *
 * @typedef {object} Entry
 * @property {string} namespace
 * @property {string} id
 * @property {number} token
 * @property {string} kind  "encrypted" or "decrypted"; a page may change its `cache` option
 * @property {number} size  in bytes
 * @property {number} lastUsed  epoch milliseconds
 */

/** @typedef {Uint8Array<ArrayBuffer> | Blob} Stored */

/**
 * Every promise rejects with CacheError if the storage fails. Without a storage it resolves to undefined.
 *
 * @typedef {object} ImageCache
 * @property {(id: string, token: number) => Promise<Stored | undefined>} read  resolves to the bytes of exactly this
 *   version; the calls of one tick are answered together
 * @property {() => Promise<number> | number} latestRemoval  resolves to the number of the latest removal that this page knows;
 *   never rejects
 * @property {(id: string, token: number, bytes: Uint8Array<ArrayBuffer>, since: number, kept?: object) => Promise<void>}
 *   write  keeps a version, and `kept` in its entry. Keeps nothing if a newer version is cached, if the image is above
 *   half of the cache after an eviction, or if the image was removed after the removal `since`, the number of the latest
 *   removal before the download began
 * @property {(id: string, kept?: object) => void} touch  notes that the image was used just now
 * @property {(id: string, token: number) => Promise<void>} drop  removes this version if it is still the cached one
 * @property {(id: string) => Promise<boolean | undefined>} remove  removes the image and its variants; resolves to whether there
 *   was any
 * @property {() => Promise<void>} clear  removes every image of the namespace
 * @property {(id: string) => Promise<boolean | undefined>} has  resolves to whether a version that `read` could return is cached
 * @property {() => Promise<{images: number, bytes: number} | undefined>} stats  resolves to the images and bytes of the namespace
 * @property {() => void} forget  discards the known metadata, because another tab may have changed it
 * @property {() => Promise<number | undefined>} warmUp  opens the database; resolves to the size of its largest image in bytes
 * @property {() => void} close  closes the connection to the storage
 */

/**
 * @param {object} options
 * @param {string} options.databaseName
 * @param {string} options.namespace  separates the images of users
 * @param {CacheKind} options.cache  only "encrypted" and "decrypted" use the storage
 * @param {number} options.cacheLimit  most images of all namespaces together
 * @param {number} options.cacheBytes  most bytes of all namespaces together
 * @param {number} options.cleanupBatch  images evicted beyond the excess; the same share of the bytes is evicted
 * @returns {ImageCache}
 */
export function createCache({ databaseName, namespace, cache: kind, ...limits }) {
  if (!isStored(kind)) return NO_CACHE;
  const stores = createStores(databaseName);
  const { touch, flush, write } = createWriter(stores, { namespace, ...limits });
  const largest = ((1 - limits.cleanupBatch / limits.cacheLimit) * limits.cacheBytes) / 2;

  /** @param {string} id */
  const keyFor = (id) => keyOf({ namespace, id });

  /**
   * @param {any} entry  an Entry, a value of the store `bytes`, or undefined
   * @param {number} token
   */
  const isVersion = (entry, token) => entry?.token === token && entry.kind === kind;

  /** @param {{id: string, token: number}[]} versions */
  const readAll = (versions) =>
    stores.transact([BYTES], "readonly", (bytes) =>
      Promise.all(
        versions.map(async ({ id, token }) => {
          // Unreadable bytes are a miss of this image only.
          const found = await done(bytes.get(keyFor(id))).catch(() => undefined);
          return isVersion(found, token) && found.size === sizeOf(found.image) ? found.image : undefined;
        }),
      ),
    );
  const read = coalesce(readAll, BATCH_LIMIT);

  /**
   * Remove the images with a key that starts with `key` or lies in one of the ranges. Resolves to whether there were
   * any.
   *
   * @param {[namespace: string, id?: string]} key
   * @param {string[][][]} ranges
   */
  function removeAll(key, ...ranges) {
    return stores.change(async (entries, bytes, deleted) => {
      await noteRemoval(deleted, ...key);
      let count = 0;
      // An array comes after every string.
      for (const [first, last] of [[key, [...key, []]], ...ranges]) {
        const range = IDBKeyRange.bound(first, last);
        count += await done(entries.count(range));
        entries.delete(range);
        bytes.delete(range);
      }
      stores.forget();
      return count > 0;
      // A deleted image must not reappear after a power failure.
    }, "strict");
  }

  return {
    ...stores,

    async read(id, token) {
      const known = stores.known({ namespace, id });
      return known === undefined || isVersion(known, token) ? read({ id, token }) : undefined;
    },

    touch,

    async write(id, token, view, since, kept) {
      const size = view.length;
      // A larger image would evict most of the others, and then itself.
      if (size > largest) return;
      await write({ entry: { namespace, id, token, kind, size, lastUsed: risingTime(), ...kept }, view, since });
    },

    drop: (id, token) =>
      stores.change(async (entries, bytes) => {
        const entry = await done(entries.get(keyFor(id)));
        if (entry?.token === token) stores.remove(entries, bytes, entry);
      }),

    // In key order, `~` comes after every character of a variant's name.
    remove: (id) => removeAll(keyFor(id), [keyFor(`${id}~`), keyFor(`${id}~~`)]),

    async clear() {
      await removeAll([namespace]);
    },

    has: (id) =>
      stores.transact([ENTRIES], "readonly", async (entries) => (await done(entries.get(keyFor(id))))?.kind === kind),

    stats: () =>
      stores.transact([ENTRIES], "readonly", async (entries) => {
        const own = (await stores.list(entries)).filter((entry) => entry.namespace === namespace);
        return { images: own.length, bytes: sizeOfAll(own) };
      }),

    warmUp: () =>
      stores.transact([ENTRIES], "readonly", async (entries) =>
        Math.max(0, ...(await stores.list(entries)).map(({ size }) => size)),
      ),

    close() {
      flush();
      stores.close();
    },
  };
}

/** Keeps nothing: each of its functions resolves to undefined. */
const NO_CACHE = /** @type {ImageCache} */ (new Proxy({}, { get: () => async () => undefined }));

/** @param {any} image */
function sizeOf(image) {
  return image instanceof Blob ? image.size : image instanceof Uint8Array ? image.length : undefined;
}
