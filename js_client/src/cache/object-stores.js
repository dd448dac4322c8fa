/**
 * The object stores of the image cache:
 *
 *     entries   {namespace, id, token, kind, size, lastUsed}, by namespace and id
 *     bytes     {token, kind, size, image}, a Uint8Array, or Blob for a large image, by [namespace, id]
 *     deleted   the latest removals, see there
 *     changed   a random number, another one after each change
 *
 * Bytes have a store of their own, so that a hit rewrites a small entry and eviction reads no image; and they tell what
 * they are, so that a hit reads nothing else.
 */

import { createDatabase, done } from "./indexeddb.js";
import { newRemovals, latestRemoval } from "./removals.js";

/** @import { Entry, Stored } from "./cache.js" */

/** @typedef {{namespace: string, id: string}} ImageName */

/** @typedef {ReturnType<typeof createStores>} Stores */

const ENTRIES = "entries";
const BYTES = "bytes";
const DELETED = "deleted";
const CHANGED = "changed";
const ALL = [ENTRIES, BYTES, DELETED, CHANGED];

/**
 * Make the stores; the database is opened by their first use. Every promise rejects with CacheError where the storage
 * fails.
 *
 * @param {string} databaseName
 */
export function createStores(databaseName) {
  const { transact, close } = createDatabase(databaseName, 4, (connection) => {
    forget();
    layOut(connection);
  });

  /**
   * What the database holds, all namespaces, by `nameOf`; undefined where it may be something else.
   *
   * @type {Map<string, Entry> | undefined}
   */
  let known;
  /** What `changed` held then. */
  let knownAt = 0;
  /** @type {Promise<number> | undefined}  the number of the latest removal that this page knows of */
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

    /**
     * All entries, as they are stored.
     *
     * @param {IDBObjectStore} entries
     */
    list: async (entries) => [...(await load(entries)).values()],

    /**
     * An entry as far as this page knows: null where there is none, undefined where there may be one.
     *
     * @param {ImageName} name
     */
    known: (name) => known && (known.get(nameOf(name)) ?? null),

    /**
     * The same by `nameOf`, as this page knows them: within `change` all of them, `lastUsed` may be older.
     *
     * @param {IDBObjectStore} entries
     */
    learn: async (entries) => known ?? load(entries),

    // NaN equals no number: an image downloaded then is not kept.
    latestRemoval: () => (removal ??= transact([DELETED], "readonly", latestRemoval).catch(() => NaN)),

    /**
     * @template Result
     * @param {(entries: IDBObjectStore) => Promise<Result>} work
     */
    read: (work) => transact([ENTRIES], "readonly", work),

    /**
     * @template Result
     * @param {(bytes: IDBObjectStore) => Promise<Result>} work
     */
    readBytes: (work) => transact([BYTES], "readonly", work),

    /**
     * @template Result
     * @param {(entries: IDBObjectStore) => Promise<Result>} work
     */
    mark: (work) => transact([ENTRIES], "readwrite", work),

    /**
     * @param {(entries: IDBObjectStore, bytes: IDBObjectStore, deleted: IDBObjectStore) => Promise<any>} work
     * @param {IDBTransactionDurability} [durability]
     */
    change: (work, durability) =>
      transact(
        ALL,
        "readwrite",
        async (entries, bytes, deleted, changed) => {
          // Others change it without a word, as they store in another namespace, or evict.
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

/** @param {IDBDatabase} connection */
function layOut(connection) {
  // It is a cache: what an older version of this client has stored needs no moving.
  for (const name of ALL) {
    if (connection.objectStoreNames.contains(name)) connection.deleteObjectStore(name);
  }
  connection.createObjectStore(ENTRIES, { keyPath: ["namespace", "id"] });
  for (const name of [BYTES, CHANGED]) connection.createObjectStore(name);
  connection.createObjectStore(DELETED).put(newRemovals(), 0);
}

/**
 * @param {ImageName} name
 * @returns {[namespace: string, id: string]}
 */
export const keyOf = ({ namespace, id }) => [namespace, id];

/** @param {ImageName} name */
export const nameOf = ({ namespace, id }) => `${namespace} ${id}`;
