/**
 * The object stores of the image cache:
 *
 *     entries   {namespace, id, token, kind, size, lastUsed}, by namespace and id
 *     bytes     {token, kind, size, image}, a Uint8Array, or Blob for a large image, by [namespace, id];
 *               a key pair by [namespace], see stored/pair.js
 *     deleted   the latest removals, see removals.js
 *     changed   a random number that every change replaces
 *
 * Bytes have a store of their own, so that a hit rewrites a small entry and eviction reads no image. They repeat token
 * and kind, so that a hit reads no entry.
 */

import { createDatabase, done } from "./indexeddb.js";
import { latestRemoval } from "./removals.js";

/** @import { Entry, Stored } from "./cache.js" */

/** @typedef {{namespace: string, id: string}} ImageName */

/** @typedef {ReturnType<typeof createStores>} Stores */

export const ENTRIES = "entries";
export const BYTES = "bytes";
const DELETED = "deleted";
const CHANGED = "changed";
const ALL = [ENTRIES, BYTES, DELETED, CHANGED];

/**
 * Make the stores. Their first use opens the database. Every promise rejects with CacheError if the storage fails.
 *
 * @param {string} databaseName
 */
export function createStores(databaseName) {
  const { transact, close } = createDatabase(databaseName, 4, (connection) => {
    // The images of an older version are dropped: this is a cache.
    for (const name of ALL) {
      if (connection.objectStoreNames.contains(name)) connection.deleteObjectStore(name);
    }
    connection.createObjectStore(ENTRIES, { keyPath: ["namespace", "id"] });
    connection.createObjectStore(BYTES);
    connection.createObjectStore(CHANGED);
    // A new database is known to be empty, so that downloads need not wait until it is open.
    removal = Math.random();
    known = new Map();
    connection.createObjectStore(DELETED).put([[removal]], 0);
  });

  /**
   * The entries of all namespaces by `nameOf`, or undefined if another tab may have changed them.
   *
   * @type {Map<string, Entry> | undefined}
   */
  let known;
  /** The value of `changed` that `known` belongs to. */
  let knownAt = 0;
  /** @type {Promise<number> | number | undefined}  the number of the latest removal that this page knows */
  let removal;

  const forget = () => {
    known = removal = undefined;
  };

  /** @param {IDBObjectStore} entries */
  const load = async (entries) =>
    (known = new Map((await done(entries.getAll())).map((/** @type {Entry} */ entry) => [nameOf(entry), entry])));

  return {
    forget,
    close,
    transact,

    /**
     * Read all entries.
     *
     * @param {IDBObjectStore} entries
     */
    list: async (entries) => [...(await load(entries)).values()],

    /**
     * Return an entry as far as this page knows: null if there is none, undefined if there may be one.
     *
     * @param {ImageName} name
     */
    known: (name) => known && (known.get(nameOf(name)) ?? null),

    /**
     * Return all entries by `nameOf`; read them if they are unknown. Within `change` they are current, except
     * `lastUsed`.
     *
     * @param {IDBObjectStore} entries
     */
    learn: async (entries) => known ?? load(entries),

    // NaN equals no number: an image downloaded then is not kept.
    latestRemoval: () => (removal ??= transact([DELETED], "readonly", latestRemoval).catch(() => NaN)),

    /**
     * @param {(entries: IDBObjectStore, bytes: IDBObjectStore, deleted: IDBObjectStore) => Promise<any>} work
     * @param {IDBTransactionDurability} [durability]
     */
    change: (work, durability) =>
      transact(
        ALL,
        "readwrite",
        async (entries, bytes, deleted, changed) => {
          // A tab of another namespace, or an eviction, changes entries without a message.
          if ((await done(changed.get(0))) !== knownAt) known = undefined;
          changed.put((knownAt = Math.random()), 0);
          return work(entries, bytes, deleted);
        },
        durability,
      ).catch((error) => {
        forget();
        throw error;
      }),

    /**
     * @param {IDBObjectStore} entries
     * @param {IDBObjectStore} bytes
     * @param {Entry} entry
     * @param {Stored} image
     */
    put(entries, bytes, entry, image) {
      entries.put(entry);
      const { token, kind, size } = entry;
      bytes.put({ token, kind, size, image }, keyOf(entry));
      known?.set(nameOf(entry), entry);
    },

    /**
     * @param {IDBObjectStore} entries
     * @param {IDBObjectStore} bytes
     * @param {ImageName} name
     */
    remove(entries, bytes, name) {
      entries.delete(keyOf(name));
      bytes.delete(keyOf(name));
      known?.delete(nameOf(name));
    },
  };
}

/**
 * @param {ImageName} name
 * @returns {[namespace: string, id: string]}
 */
export const keyOf = ({ namespace, id }) => [namespace, id];

/** @param {ImageName} name */
export const nameOf = ({ namespace, id }) => `${namespace} ${id}`;
