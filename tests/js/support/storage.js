/** IndexedDB for tests: an empty one, a look into all of it, and ways to break it. */

import { IDBDatabase, IDBFactory, IDBKeyRange } from "fake-indexeddb";

/** Give the page an empty IndexedDB. */
export function emptyStorage() {
  globalThis.indexedDB = new IDBFactory();
  globalThis.IDBKeyRange = IDBKeyRange;
}

/** Take IndexedDB away. */
export function noStorage() {
  delete globalThis.indexedDB;
}

/** A request's result. */
export const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** Run `work` on a connection of its own to a database that exists. */
export async function inspect(name, work) {
  const connection = await done(indexedDB.open(name));
  try {
    return await work(connection);
  } finally {
    connection.close();
  }
}

/** Every key and value of every store: {store: [[key, value], …]}. */
export const dump = (name = "pixstore-asgi") =>
  inspect(name, async (connection) => {
    const content = {};
    for (const store of connection.objectStoreNames) {
      const objects = connection.transaction(store).objectStore(store);
      const [keys, values] = await Promise.all([done(objects.getAllKeys()), done(objects.getAll())]);
      content[store] = keys.map((key, index) => [key, values[index]]);
    }
    return content;
  });

/** The entries and the bytes of all images, without the tombstones of deleted ones. */
export async function cached(name) {
  const { entries, bytes } = await dump(name);
  return { entries, bytes };
}

/** The key of an image in the stores of a client without a namespace. */
export const keyOf = (id) => ["", id];

/** Replace one stored value. */
export const overwrite = (store, key, value, name = "pixstore-asgi") =>
  inspect(name, async (connection) => {
    const objects = connection.transaction(store, "readwrite").objectStore(store);
    await done(objects.keyPath ? objects.put(value) : objects.put(value, key));
  });

/** Replace a method of a prototype for the rest of one test; `original` is the replaced method. */
export function patch(t, prototype, method, replacement) {
  const original = prototype[method];
  prototype[method] = function (...args) {
    return replacement.call(this, original, ...args);
  };
  t.after(() => {
    prototype[method] = original;
  });
}

/** A function that fails as IndexedDB does, with an error of this name. */
export const fail = (name) => () => {
  throw new DOMException("failed", name);
};

/** Note the transactions begun during a test: [{stores, mode, durability}, …]. */
export function transactions(t) {
  const begun = [];
  patch(t, IDBDatabase.prototype, "transaction", function note(original, ...args) {
    const [stores, mode, options] = args;
    begun.push({ stores, mode, durability: options?.durability });
    return original.apply(this, args);
  });
  return begun;
}
