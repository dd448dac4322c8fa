/**
 * The object stores of the image cache:
 *
 *     entries   {namespace, id, token, kind, size, lastUsed}, by namespace and id
 *     bytes     Uint8Array, or Blob for a large image, by [namespace, id]
 *     deleted   tombstones, see there
 *
 * Bytes have a store of their own, so that a hit rewrites a small entry and eviction reads no image.
 */

import { createDatabase, done } from "./database.js";

/** @import { Entry, Stored } from "./cache.js" */

/** @typedef {{namespace: string, id: string}} ImageName */

/** @typedef {ReturnType<typeof createStores>} Stores */

const ENTRIES = "entries";
const BYTES = "bytes";
const DELETED = "deleted";

/**
 * Make the stores; the database is opened by their first use. Every promise rejects with CacheError where the storage
 * fails.
 *
 * @param {string} databaseName
 */
export function createStores(databaseName) {
  const transact = createDatabase(databaseName, 2, layOut);

  /**
   * What the database holds, all namespaces, by `nameOf`; undefined where it may be something else.
   *
   * @type {Map<string, Entry> | undefined}
   */
  let known;

  const forget = () => {
    known = undefined;
  };

  /** @param {IDBObjectStore} entries */
  const load = async (entries) =>
    (known = new Map((await done(entries.getAll())).map((/** @type {Entry} */ entry) => [nameOf(entry), entry])));

  return {
    forget,
    load,

    /** @param {ImageName} name */
    known: (name) => known && { entry: known.get(nameOf(name)) },

    /**
     * What the database holds, loaded anew where another tab has changed it without a word, evicting or storing in
     * another namespace: the count tells.
     *
     * @param {IDBObjectStore} entries
     */
    async learn(entries) {
      const count = await done(entries.count());
      return known?.size === count ? known : load(entries);
    },

    /**
     * @template Result
     * @param {(entries: IDBObjectStore, bytes: IDBObjectStore) => Promise<Result>} work
     */
    read: (work) => transact([ENTRIES, BYTES], "readonly", work),

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
      transact([ENTRIES, BYTES, DELETED], "readwrite", work, durability).catch((error) => {
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
      bytes.put(image, keyOf(entry));
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
  for (const name of [ENTRIES, BYTES, DELETED]) {
    if (connection.objectStoreNames.contains(name)) connection.deleteObjectStore(name);
  }
  connection.createObjectStore(ENTRIES, { keyPath: ["namespace", "id"] });
  connection.createObjectStore(BYTES);
  connection.createObjectStore(DELETED);
}

/** @param {ImageName} name */
export const keyOf = ({ namespace, id }) => [namespace, id];

/** @param {ImageName} name */
const nameOf = ({ namespace, id }) => `${namespace} ${id}`;

/**
 * @param {IDBObjectStore} entries
 * @param {ImageName[]} names
 * @returns {Promise<any[]>} an Entry, or undefined, for each
 */
export const entriesOf = (entries, names) => Promise.all(names.map((name) => done(entries.get(keyOf(name)))));
