/**
 * The image cache in IndexedDB: one version per namespace and image id, the least recently used images evicted first.
 *
 *     entries   {namespace, id, token, kind, size, lastUsed}, by namespace and id
 *     bytes     Uint8Array, or Blob for a large image, by [namespace, id]
 *     deleted   tombstones, see there
 *
 * Bytes have a store of their own, so that a hit rewrites a small entry and eviction reads no image.
 */

import { createDatabase, done } from "./database.js";
import { sizeOfAll, victims } from "./eviction.js";
import { gather } from "./gather.js";
import { buried, bury, stamp } from "./tombstones.js";
import { createToucher } from "./toucher.js";

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

/** @typedef {{entry: Entry, view: Uint8Array<ArrayBuffer>, since: number}} Writing */

/**
 * What another tab says that it has done.
 *
 * @typedef {{type: "stored" | "deleted" | "cleared", id?: string, token?: number}} Notice
 */

/**
 * Every promise rejects with CacheError where the storage fails.
 *
 * @typedef {object} ImageCache
 * @property {(id: string, token: number) => Promise<Stored | undefined>} read  the bytes of exactly this version; the
 *   calls of one tick are answered together
 * @property {(id: string, token: number, bytes: Uint8Array<ArrayBuffer>, since: number) => Promise<void>} write  keep a version,
 *   unless a newer one is there or the image was deleted at or after the stamp `since`
 * @property {(id: string) => void} touch  note that the image was used just now
 * @property {(id: string, token: number) => Promise<void>} drop  remove this version if it is still the cached one
 * @property {(id: string) => Promise<boolean>} remove  remove the image; tells whether there was one
 * @property {() => Promise<void>} clear  remove every image of the namespace
 * @property {(id: string) => Promise<boolean>} has  tell whether a version that `read` could return is cached
 * @property {() => Promise<{images: number, bytes: number}>} stats  of the namespace
 * @property {(notice: Notice) => void} noticed
 * @property {() => number} stamp  a strictly rising time in epoch milliseconds
 */

const ENTRIES = "entries";
const BYTES = "bytes";
const DELETED = "deleted";

/** Measured: Blob values are faster from here on, and slower below. */
const BLOB_BYTES = 500_000;

/**
 * Make a cache; the database is opened by its first use.
 *
 * @param {object} options
 * @param {string} options.databaseName
 * @param {string} options.namespace  keeps the images of one user apart from those of others
 * @param {"encrypted" | "decrypted" | "memory" | "off"} options.cache  what is kept
 * @param {number} options.cacheLimit  most images kept, of all namespaces together
 * @param {number} options.cacheBytes  most bytes kept, of all namespaces together
 * @param {number} options.cleanupBatch  images evicted beyond the excess; of the bytes, the same share
 * @returns {ImageCache}
 */
export function createCache({ databaseName, namespace, cache: kind, ...limits }) {
  const { cacheLimit, cacheBytes } = limits;
  if (kind === "memory" || kind === "off") return NO_CACHE;
  const transact = createDatabase(databaseName, 2, createStores);

  /**
   * What the database holds, all namespaces, by `nameOf`; undefined where it may be something else.
   *
   * @type {Map<string, Entry> | undefined}
   */
  let known;

  let storesBlobs = true;

  const forget = () => {
    known = undefined;
  };

  /** @param {IDBObjectStore} entries */
  const load = async (entries) =>
    (known = new Map((await done(entries.getAll())).map((/** @type {Entry} */ entry) => [nameOf(entry), entry])));

  /**
   * The count tells what other tabs did without a word: evicting, and storing in other namespaces.
   *
   * @param {IDBObjectStore} entries
   */
  const learn = async (entries) => {
    const count = await done(entries.count());
    return known?.size === count ? known : load(entries);
  };

  /** @param {string} id */
  const keyOf = (id) => [namespace, id];

  /**
   * @param {IDBObjectStore} entries
   * @param {string[]} ids
   * @returns {Promise<any[]>} an Entry, or undefined, for each
   */
  const entriesOf = (entries, ids) => Promise.all(ids.map((id) => done(entries.get(keyOf(id)))));

  /**
   * @param {(...stores: IDBObjectStore[]) => Promise<any>} work
   * @param {IDBTransactionDurability} [durability]
   */
  const change = (work, durability) =>
    transact([ENTRIES, BYTES, DELETED], "readwrite", work, durability).catch((error) => {
      forget();
      throw error;
    });

  /**
   * @param {any} entry  an Entry, or undefined
   * @param {number} [token]
   */
  const isVersion = (entry, token) => entry?.token === token && entry.kind === kind;

  const read = gather((/** @type {{id: string, token: number}[]} */ versions) =>
    transact([ENTRIES, BYTES], "readonly", async (entries, bytes) => {
      // Bytes that can't be read are a miss of this image alone.
      const reading = versions.map(({ id }) => done(bytes.get(keyOf(id))).catch(() => undefined));
      const found = await entriesOf(
        entries,
        versions.map(({ id }) => id),
      );
      const images = await Promise.all(reading);
      return images.map((image, index) => {
        const entry = found[index];
        const isWanted = isVersion(entry, versions[index]?.token) && entry.size === sizeOf(image);
        return isWanted ? image : undefined;
      });
    }),
  );

  const { touch, takeAll } = createToucher(() => {
    // Nobody waits for it, and the next read or write tells what is wrong with the storage.
    transact([ENTRIES], "readwrite", markUsed).catch(() => {});
  });

  /** @param {IDBObjectStore} entries */
  async function markUsed(entries) {
    const used = takeAll();
    await learn(entries);
    for (const entry of await entriesOf(entries, [...used.keys()])) {
      // An image that was deleted meanwhile stays deleted.
      if (entry) entries.put({ ...entry, lastUsed: used.get(entry.id) });
    }
  }

  /**
   * A copy: a stored view brings its whole buffer along, the response body, whose head may hold the image's key.
   *
   * @param {Uint8Array<ArrayBuffer>} view
   */
  const storable = (view) => (storesBlobs && view.length >= BLOB_BYTES ? new Blob([view]) : view.slice());

  /** @param {Writing[]} images */
  const put = (images) =>
    change(async (entries, bytes, deleted) => {
      const isBuried = await buried(deleted, namespace, images);
      const stored = await entriesOf(
        entries,
        images.map(({ entry }) => entry.id),
      );
      const list = await learn(entries);
      images.forEach(({ entry, view, since }, index) => {
        const name = nameOf(entry);
        // The list has what this very transaction has put.
        const isOutdated = [stored[index], list.get(name)].some((other) => other?.token > entry.token);
        if (isOutdated || isBuried(entry.id, since)) return;
        entries.put(entry);
        bytes.put(storable(view), keyOf(entry.id));
        list.set(name, entry);
      });
      if (list.size > cacheLimit || sizeOfAll(list.values()) > cacheBytes) await evict(entries, bytes, 0);
      return [];
    });

  /**
   * @param {IDBObjectStore} entries
   * @param {IDBObjectStore} bytes
   * @param {number} needed
   */
  async function evict(entries, bytes, needed) {
    await markUsed(entries);
    const list = [...(await load(entries)).values()];
    for (const entry of victims(list, limits, needed)) removeFrom(entries, bytes, entry);
  }

  /**
   * @param {IDBObjectStore} entries
   * @param {IDBObjectStore} bytes
   * @param {{namespace: string, id: string}} image
   */
  function removeFrom(entries, bytes, image) {
    const key = [image.namespace, image.id];
    entries.delete(key);
    bytes.delete(key);
    known?.delete(nameOf(image));
  }

  /**
   * Remove what has this key, or a longer one that begins with it; resolves to whether there was anything.
   *
   * @param {string[]} key
   */
  function removeAll(key) {
    const tombstone = [stamp(), ...key];
    return change(async (entries, bytes, deleted) => {
      bury(deleted, tombstone);
      // An array comes after every string.
      const range = IDBKeyRange.bound(key, [...key, []]);
      const count = await done(entries.count(range));
      entries.delete(range);
      bytes.delete(range);
      forget();
      return count > 0;
      // What is deleted must not come back after a power failure.
    }, "strict");
  }

  const write = gather(
    (/** @type {Writing[]} */ images) =>
      put(images).catch(async (error) => {
        if (error.cause?.name === "QuotaExceededError") {
          const needed = sizeOfAll(images.map(({ entry }) => entry));
          await change((entries, bytes) => evict(entries, bytes, needed));
          return put(images);
        }
        if (!storesBlobs || images.every(({ entry }) => entry.size < BLOB_BYTES)) throw error;
        // WebKit stores no Blob for a profile that is not kept.
        storesBlobs = false;
        return put(images);
      }),
    true,
  );

  return {
    read: async (id, token) =>
      known && !isVersion(known.get(nameOf({ namespace, id })), token) ? undefined : read({ id, token }),

    touch,

    async write(id, token, view, since) {
      const size = view.length;
      if (size > cacheBytes) return;
      await write({ entry: { namespace, id, token, kind, size, lastUsed: stamp() }, view, since });
    },

    drop: (id, token) =>
      change(async (entries, bytes) => {
        const [entry] = await entriesOf(entries, [id]);
        if (entry?.token === token) removeFrom(entries, bytes, entry);
      }),

    remove: (id) => removeAll(keyOf(id)),

    async clear() {
      await removeAll([namespace]);
    },

    has: (id) => transact([ENTRIES], "readonly", async (entries) => (await entriesOf(entries, [id]))[0]?.kind === kind),

    stats: () =>
      transact([ENTRIES], "readonly", async (entries) => {
        const own = [...(await load(entries)).values()].filter((entry) => entry.namespace === namespace);
        return { images: own.length, bytes: sizeOfAll(own) };
      }),

    noticed: forget,

    stamp,
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
  noticed: nothing,
  stamp,
};

/** @param {IDBDatabase} connection */
function createStores(connection) {
  // It is a cache: what an older version of this client has stored needs no moving.
  for (const name of [...connection.objectStoreNames]) connection.deleteObjectStore(name);
  connection.createObjectStore(ENTRIES, { keyPath: ["namespace", "id"] });
  connection.createObjectStore(BYTES);
  connection.createObjectStore(DELETED);
}

/** @param {{namespace: string, id: string}} image */
const nameOf = ({ namespace, id }) => `${namespace} ${id}`;

/** @param {any} image */
function sizeOf(image) {
  return image instanceof Blob ? image.size : image instanceof Uint8Array ? image.length : undefined;
}
