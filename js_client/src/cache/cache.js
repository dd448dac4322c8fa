/** The image cache: one version per namespace and image id, the least recently used images evicted first. */

import { BATCH_LIMIT, coalesce } from "../coalesce.js";
import { isStored } from "../options/options.js";
import { sizeOfAll } from "./eviction.js";
import { done } from "./indexeddb.js";
import { risingTime } from "./last-used.js";
import { createStores, keyOf } from "./object-stores.js";
import { noteRemoval } from "./removals.js";
import { createWriter } from "./write.js";

/** @import { CacheKind } from "../options/options.js" */

/**
 * What is known of one cached image.
 *
 * @typedef {object} Entry
 * @property {string} namespace
 * @property {string} id
 * @property {number} token
 * @property {string} kind  what the bytes are, "encrypted" or "decrypted": a page may change its mind
 * @property {number} size  in bytes
 * @property {number} lastUsed  epoch milliseconds
 */

/** @typedef {Uint8Array<ArrayBuffer> | Blob} Stored */

/**
 * Every promise rejects with CacheError where the storage fails.
 *
 * @typedef {object} ImageCache
 * @property {(id: string, token: number) => Promise<Stored | undefined>} read  the bytes of exactly this version; the
 *   calls of one tick are answered together
 * @property {() => Promise<number>} latestRemoval  the number of the latest removal that this page knows of; never
 *   rejects
 * @property {(id: string, token: number, bytes: Uint8Array<ArrayBuffer>, since: number) => Promise<void>} write  keep a version,
 *   unless a newer one is there, it is above half of what the cache holds after an eviction, or the image was removed
 *   after the removal `since`, which `latestRemoval` gave before the download began
 * @property {(id: string) => void} touch  note that the image was used just now
 * @property {(id: string, token: number) => Promise<void>} drop  remove this version if it is still the cached one
 * @property {(id: string) => Promise<boolean>} remove  remove the image and its variants; tells whether there was one
 * @property {() => Promise<void>} clear  remove every image of the namespace
 * @property {(id: string) => Promise<boolean>} has  tell whether a version that `read` could return is cached
 * @property {() => Promise<{images: number, bytes: number}>} stats  of the namespace
 * @property {() => void} forget  another tab has changed what is stored
 * @property {() => Promise<number>} warmUp  open the database; resolves to the size of the largest image there, in bytes
 * @property {() => void} close  end the connection to the storage
 */

/**
 * Make a cache; the database is opened by its first use.
 *
 * @param {object} options
 * @param {string} options.databaseName
 * @param {string} options.namespace  keeps the images of one user apart from those of others
 * @param {CacheKind} options.cache  what is kept
 * @param {number} options.cacheLimit  most images kept, of all namespaces together
 * @param {number} options.cacheBytes  most bytes kept, of all namespaces together
 * @param {number} options.cleanupBatch  images evicted beyond the excess; of the bytes, the same share
 * @returns {ImageCache}
 */
export function createCache({ databaseName, namespace, cache: kind, ...limits }) {
  if (!isStored(kind)) return NO_CACHE;
  const stores = createStores(databaseName);
  const { touch, flush, write } = createWriter(stores, { namespace, ...limits });
  const largest = ((1 - limits.cleanupBatch / limits.cacheLimit) * limits.cacheBytes) / 2;

  /** @param {string} id */
  const named = (id) => ({ namespace, id });

  /**
   * @param {any} entry  an Entry, or what is stored with the bytes, or undefined
   * @param {number} token
   */
  const isVersion = (entry, token) => entry?.token === token && entry.kind === kind;

  /** @param {{id: string, token: number}[]} versions */
  const readAll = (versions) =>
    stores.readBytes((bytes) =>
      Promise.all(
        versions.map(async ({ id, token }) => {
          // Bytes that can't be read are a miss of this image alone.
          const found = await done(bytes.get(keyOf(named(id)))).catch(() => undefined);
          return isVersion(found, token) && found.size === sizeOf(found.image) ? found.image : undefined;
        }),
      ),
    );
  const read = coalesce(readAll, BATCH_LIMIT);

  /**
   * Remove what has this key, or a longer one that begins with it, or is in one of the ranges, each from a key to a key;
   * resolves to whether there was anything.
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
      // What is deleted must not come back after a power failure.
    }, "strict");
  }

  return {
    async read(id, token) {
      const known = stores.known(named(id));
      return known === undefined || isVersion(known, token) ? read({ id, token }) : undefined;
    },

    touch,

    latestRemoval: stores.latestRemoval,

    async write(id, token, view, since) {
      const size = view.length;
      // Or one image would push out most of the others, and itself.
      if (size > largest) return;
      await write({ entry: { namespace, id, token, kind, size, lastUsed: risingTime() }, view, since });
    },

    drop: (id, token) =>
      stores.change(async (entries, bytes) => {
        const entry = await done(entries.get(keyOf(named(id))));
        if (entry?.token === token) stores.remove(entries, bytes, entry);
      }),

    // A `~` comes after whatever a variant's name may have.
    remove: (id) => removeAll(keyOf(named(id)), [named(`${id}~`), named(`${id}~~`)].map(keyOf)),

    async clear() {
      await removeAll([namespace]);
    },

    has: (id) => stores.read(async (entries) => (await done(entries.get(keyOf(named(id)))))?.kind === kind),

    stats: () =>
      stores.read(async (entries) => {
        const own = (await stores.list(entries)).filter((entry) => entry.namespace === namespace);
        return { images: own.length, bytes: sizeOfAll(own) };
      }),

    warmUp: () => stores.read(async (entries) => Math.max(0, ...(await stores.list(entries)).map(({ size }) => size))),

    forget: stores.forget,

    close() {
      flush();
      stores.close();
    },
  };
}

const nothing = async () => undefined;
const no = async () => false;

/** @type {ImageCache} */
const NO_CACHE = {
  read: nothing,
  touch: nothing,
  write: nothing,
  drop: nothing,
  remove: no,
  clear: nothing,
  has: no,
  stats: async () => ({ images: 0, bytes: 0 }),
  warmUp: async () => 0,
  latestRemoval: async () => 0,
  forget: nothing,
  close: nothing,
};

/** @param {any} image */
function sizeOf(image) {
  return image instanceof Blob ? image.size : image instanceof Uint8Array ? image.length : undefined;
}
