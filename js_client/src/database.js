/** One IndexedDB database: a connection that reopens itself, and transactions that are promises. */

import { CacheError } from "./errors.js";

/**
 * Runs one transaction: `work` gets the object stores in the order of `stores` and may await requests only (see
 * `done`); a request whose result it doesn't need it need not await. Resolves to what `work` returned, once the
 * transaction is complete; rejects with CacheError, with nothing written, where anything in it failed.
 *
 * @typedef {<Result>(
 *   stores: string[],
 *   mode: IDBTransactionMode,
 *   work: (...stores: IDBObjectStore[]) => Promise<Result>,
 * ) => Promise<Result>} Transact
 */

const OPEN_LIMIT_MS = 3000;

/**
 * Describe a database; it is opened by the first transaction.
 *
 * @param {string} name
 * @param {(connection: IDBDatabase) => void} createStores  lays out a new database
 * @returns {Transact}
 */
export function createDatabase(name, createStores) {
  /** @type {Opening | undefined} */
  let opening;

  const forget = () => {
    opening = undefined;
  };

  /**
   * @param {string[]} stores
   * @param {IDBTransactionMode} mode
   */
  async function begin(stores, mode) {
    const current = (opening ??= startOpening(name, createStores, forget));
    const connection = await current.inTime();
    try {
      return connection.transaction(stores, mode);
    } catch (error) {
      if (isClosed(error) && opening === current) forget();
      throw error;
    }
  }

  return async (stores, mode, work) => {
    try {
      const transaction = await begin(stores, mode).catch((error) => {
        // The connection was closed without a word, as Safari does to pages in the background: open another.
        if (isClosed(error)) return begin(stores, mode);
        throw error;
      });
      return await finish(transaction, work(...stores.map((store) => transaction.objectStore(store))));
    } catch (cause) {
      if (cause instanceof CacheError) throw cause;
      throw new CacheError(`a transaction of the IndexedDB database ${name} failed`, "failed", { cause });
    }
  };
}

/** @param {unknown} error */
const isClosed = (error) => Object(error).name === "InvalidStateError";

/**
 * A request's result as a promise.
 *
 * @template Result
 * @param {IDBRequest<Result>} request
 * @returns {Promise<Result>}
 */
export function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** @typedef {{inTime: () => Promise<IDBDatabase>}} Opening */

/**
 * Opening can hang without any event, for instance behind another tab's `deleteDatabase`. Whoever asks while it hangs
 * past the limit is refused at once; when it opens after all, the connection is used.
 *
 * @param {string} name
 * @param {(connection: IDBDatabase) => void} createStores
 * @param {() => void} onLost
 * @returns {Opening}
 */
function startOpening(name, createStores, onLost) {
  const opened = open(name, createStores, onLost).catch((cause) => {
    onLost();
    throw new CacheError(`the IndexedDB database ${name} can't be opened`, "unavailable", { cause });
  });
  const expired = rejectAfter(OPEN_LIMIT_MS, opened, `the IndexedDB database ${name} takes too long to open`);
  return { inTime: () => Promise.race([opened, expired]) };
}

/**
 * @param {string} name
 * @param {(connection: IDBDatabase) => void} createStores
 * @param {() => void} onLost
 * @returns {Promise<IDBDatabase>}
 */
function open(name, createStores, onLost) {
  // Without IndexedDB, or where the browser forbids it, the first line throws, and the promise rejects.
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => createStores(request.result);
    request.onerror = () => reject(request.error);
    request.onsuccess = () => resolve(watched(request.result, onLost));
  });
}

/**
 * @param {IDBDatabase} connection
 * @param {() => void} onLost
 */
function watched(connection, onLost) {
  // Site data cleared, or the disk failed: the browser has closed the connection.
  connection.onclose = onLost;
  // Another tab deletes the database or brings a newer layout: make way, or it waits for as long as this page lives.
  connection.onversionchange = () => {
    connection.close();
    onLost();
  };
  return connection;
}

/**
 * @param {number} limitMs
 * @param {Promise<unknown>} awaited
 * @param {string} message
 * @returns {Promise<never>}
 */
function rejectAfter(limitMs, awaited, message) {
  /** @type {Promise<never>} */
  const expired = new Promise((_, reject) => {
    const timer = setTimeout(() => reject(new CacheError(message, "unavailable")), limitMs);
    const stop = () => clearTimeout(timer);
    awaited.then(stop, stop);
  });
  // It may expire while nobody waits, which is no unhandled failure.
  expired.catch(() => {});
  return expired;
}

/**
 * @template Result
 * @param {IDBTransaction} transaction
 * @param {Promise<Result>} work
 * @returns {Promise<Result>}
 */
function finish(transaction, work) {
  return new Promise((resolve, reject) => {
    /** @type {unknown} */
    let failure;
    transaction.oncomplete = () => resolve(work);
    // A request that failed is the cause; the work itself then sees no more than that its next request was aborted.
    transaction.onabort = () => reject(transaction.error ?? failure);
    work.catch((error) => {
      failure = error;
      abort(transaction);
    });
  });
}

/** @param {IDBTransaction} transaction */
function abort(transaction) {
  try {
    transaction.abort();
  } catch {
    // A failed request has aborted it already.
  }
}
