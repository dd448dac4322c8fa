/**
 * The image cache in IndexedDB: one version per image id, the least recently used images evicted first.
 *
 *     entries   {id, token, kind, size, lastUsed}, by id, with an index on lastUsed
 *     bytes     Uint8Array, by id
 *
 * Bytes have a store of their own, so that a hit rewrites a small entry and eviction reads no image.
 */

import { createDatabase, done } from "./database.js";
import { createToucher } from "./toucher.js";

/**
 * What is known of one cached image.
 *
 * @typedef {object} Entry
 * @property {string} id
 * @property {number} token
 * @property {string} kind  what the bytes are, "encrypted" or "decrypted": a page may change its mind
 * @property {number} size  in bytes
 * @property {number} lastUsed  epoch milliseconds
 */

/**
 * Every call rejects with CacheError where the storage fails.
 *
 * @typedef {object} ImageCache
 * @property {(id: string, token: number) => Promise<Uint8Array<ArrayBuffer> | undefined>} read  the bytes of exactly
 *   this version
 * @property {(id: string) => Promise<void>} touch  note that the image was used just now
 * @property {(id: string, token: number, bytes: Uint8Array) => Promise<void>} write  keep a version, unless a newer
 *   one is there
 * @property {(id: string, token: number) => Promise<void>} drop  remove this version if it is still the cached one
 * @property {(id: string) => Promise<boolean>} remove  remove the image; tells whether there was one
 * @property {() => Promise<void>} clear  remove every image
 * @property {(id: string) => Promise<boolean>} has  tell whether a version that `read` could return is cached
 */

const ENTRIES = "entries";
const BYTES = "bytes";
const LAST_USED = "lastUsed";

/**
 * Make a cache; the database is opened by its first use.
 *
 * @param {object} options
 * @param {string} options.databaseName
 * @param {"encrypted" | "decrypted" | "off"} options.cache  what is kept
 * @param {number} options.cacheLimit  most images kept
 * @param {number} options.cleanupBatch  images evicted beyond the excess
 * @returns {ImageCache}
 */
export function createCache({ databaseName, cache: kind, cacheLimit, cleanupBatch }) {
  if (kind === "off") return NO_CACHE;
  const transact = createDatabase(databaseName, createStores);

  /** @param {(entries: IDBObjectStore, bytes: IDBObjectStore) => Promise<any>} work */
  const change = (work) => transact([ENTRIES, BYTES], "readwrite", work);

  /**
   * @param {Entry} entry
   * @param {Uint8Array} image
   */
  const put = (entry, image) =>
    change(async (entries, bytes) => {
      if (await isOutdated(entries, entry)) return;
      entries.put(entry);
      bytes.put(image, entry.id);
      const excess = (await done(entries.count())) - cacheLimit;
      if (excess > 0) await evict(entries, bytes, excess + cleanupBatch, entry.id);
    });

  const makeRoom = () => change((entries, bytes) => evict(entries, bytes, cleanupBatch + 1));

  return {
    read: (id, token) =>
      transact([ENTRIES, BYTES], "readonly", async (entries, bytes) => {
        const [entry, image] = await Promise.all([done(entries.get(id)), done(bytes.get(id))]);
        const isWanted = entry?.token === token && entry.kind === kind && entry.size === image?.length;
        return isWanted ? image : undefined;
      }),

    touch: createToucher((ids) => transact([ENTRIES], "readwrite", (entries) => markUsed(entries, ids))),

    async write(id, token, view) {
      // A stored view brings its whole buffer along: the response body, whose head may hold the image's key.
      const image = view.slice();
      const entry = { id, token, kind, size: image.length, lastUsed: Date.now() };
      await put(entry, image).catch(async (error) => {
        if (!isQuotaFailure(error)) throw error;
        await makeRoom();
        await put(entry, image);
      });
    },

    drop: (id, token) =>
      change(async (entries, bytes) => {
        const entry = await entryOf(entries, id);
        if (entry?.token === token) removeAll(entries, bytes, [id]);
      }),

    remove: (id) =>
      change(async (entries, bytes) => {
        const entry = await entryOf(entries, id);
        removeAll(entries, bytes, [id]);
        return entry !== undefined;
      }),

    clear: () =>
      change(async (entries, bytes) => {
        entries.clear();
        bytes.clear();
      }),

    has: (id) => transact([ENTRIES], "readonly", async (entries) => (await entryOf(entries, id))?.kind === kind),
  };
}

/** @type {ImageCache} */
const NO_CACHE = Object.freeze({
  read: async () => undefined,
  touch: async () => {},
  write: async () => {},
  drop: async () => {},
  remove: async () => false,
  clear: async () => {},
  has: async () => false,
});

/** @param {IDBDatabase} connection */
function createStores(connection) {
  connection.createObjectStore(ENTRIES, { keyPath: "id" }).createIndex(LAST_USED, LAST_USED);
  connection.createObjectStore(BYTES);
}

/**
 * @param {IDBObjectStore} entries
 * @param {string} id
 * @returns {Promise<Entry | undefined>}
 */
const entryOf = (entries, id) => done(entries.get(id));

/**
 * @param {IDBObjectStore} entries
 * @param {Entry} entry
 */
const isOutdated = async (entries, { id, token }) => ((await entryOf(entries, id))?.token ?? 0) > token;

/**
 * Remove the `count` least recently used images except `kept`: with the clock set back the newest one may look oldest.
 *
 * @param {IDBObjectStore} entries
 * @param {IDBObjectStore} bytes
 * @param {number} count
 * @param {string} [kept]
 */
async function evict(entries, bytes, count, kept) {
  const oldest = await done(entries.index(LAST_USED).getAllKeys(null, count + 1));
  removeAll(entries, bytes, oldest.filter((id) => id !== kept).slice(0, count));
}

/**
 * @param {IDBObjectStore} entries
 * @param {IDBObjectStore} bytes
 * @param {IDBValidKey[]} ids
 */
function removeAll(entries, bytes, ids) {
  for (const id of ids) {
    entries.delete(id);
    bytes.delete(id);
  }
}

/**
 * @param {IDBObjectStore} entries
 * @param {string[]} ids
 */
async function markUsed(entries, ids) {
  const lastUsed = Date.now();
  const found = await Promise.all(ids.map((id) => done(entries.get(id))));
  // An image that was deleted meanwhile stays deleted.
  for (const entry of found.filter(Boolean)) entries.put({ ...entry, lastUsed });
}

/** @param {unknown} error */
const isQuotaFailure = (error) => Object(Object(error).cause).name === "QuotaExceededError";
