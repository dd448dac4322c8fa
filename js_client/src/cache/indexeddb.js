/** One IndexedDB database: a connection that reopens itself, and transactions that are promises. */

import { CacheError } from "../errors.js";

/**
 * Runs one transaction: `work` gets the object stores in the order of `stores` and may await requests only (see
 * `done`); a request whose result it doesn't need it need not await. Resolves to what `work` returned, once what it
 * wrote is complete; rejects with CacheError, with nothing written, where anything in it failed.
 *
 * @typedef {<Result>(
 *   stores: string[],
 *   mode: IDBTransactionMode,
 *   work: (...stores: IDBObjectStore[]) => Promise<Result>,
 *   durability?: IDBTransactionDurability,
 * ) => Promise<Result>} Transact
 */

/** For opening, and for a transaction, which another tab's may hold up. */
const LIMIT_MS = 3000;

export const TOO_LONG = "it takes too long";

/** There is no IndexedDB, or the browser forbids it; Chromium, where it lets no site store anything, in its own words. */
const NO_STORAGE = /^(Reference|Type|Security)Error|user denied permission/;

/** Where there is no storage, so often is it tried again. */
const RETRY_MS = 5000;

/**
 * Describe a database; it is opened by the first transaction. What must be strict is never refused for what went wrong
 * before.
 *
 * @param {string} name
 * @param {number} version
 * @param {(connection: IDBDatabase) => void} createStores  lays out a database that is new, or of an older version
 * @returns {{transact: Transact, close: () => void}}  `close` ends the connection; later transactions have one each
 */
export function createDatabase(name, version, createStores) {
  /** @type {Promise<IDBDatabase> | undefined} */
  let opening;
  /** Where opening failed. */
  let retryAt = NaN;
  let isOver = false;

  const forget = () => {
    opening = undefined;
    retryAt = NaN;
  };

  /** @returns {Promise<IDBDatabase>} */
  const open = () =>
    new Promise((resolve, reject) => {
      /**
       * @param {unknown} cause
       * @param {number} [retryMs]
       */
      const fail = (cause, retryMs = RETRY_MS) => {
        clearTimeout(limit);
        retryAt = performance.now() + retryMs;
        // Whatever else is wrong, images may be there.
        const reason = NO_STORAGE.test(String(cause)) ? "unavailable" : "failed";
        reject(new CacheError(`IndexedDB ${name} can't be opened`, { reason, cause }));
      };
      // Opening can hang without any event, for instance behind another tab's `deleteDatabase`. Whoever asks while it
      // hangs past the limit is refused at once; when it opens after all, the connection is used.
      const limit = setTimeout(fail, LIMIT_MS, TOO_LONG, Infinity);
      try {
        const request = indexedDB.open(name, version);
        request.onupgradeneeded = () => createStores(request.result);
        request.onerror = () => fail(request.error);
        request.onsuccess = () => {
          clearTimeout(limit);
          const connection = request.result;
          // Site data cleared, or the disk failed: the browser has closed the connection.
          connection.onclose = forget;
          // Another tab deletes the database or brings a newer layout: make way, or it waits for as long as this page
          // lives.
          connection.onversionchange = () => {
            connection.close();
            forget();
          };
          resolve(connection);
          opening = Promise.resolve(connection);
          retryAt = NaN;
          // Once what it was opened for has begun.
          if (isOver) setTimeout(() => connection.close());
        };
      } catch (cause) {
        fail(cause);
      }
    });

  /** @type {(stores: string[], mode: IDBTransactionMode, options: IDBTransactionOptions) => Promise<IDBTransaction>} */
  async function begin(stores, mode, options) {
    if (options.durability === "strict" ? retryAt : performance.now() >= retryAt) forget();
    const connection = await (opening ??= open());
    try {
      return connection.transaction(stores, mode, options);
    } catch (error) {
      if (isClosed(error)) forget();
      throw error;
    }
  }

  /** @type {Transact} */
  async function transact(stores, mode, work, durability = "relaxed") {
    try {
      const transaction = await begin(stores, mode, { durability }).catch((error) => {
        // The connection was closed without a word, as Safari does to pages in the background: open another.
        if (isClosed(error)) return begin(stores, mode, { durability });
        throw error;
      });
      const result = inTime(work(...stores.map((store) => transaction.objectStore(store))));
      return await (mode === "readonly" ? result : finish(transaction, result));
    } catch (cause) {
      if (cause instanceof CacheError) throw cause;
      throw new CacheError(`a transaction of IndexedDB ${name} failed`, { reason: "failed", cause });
    }
  }

  return {
    transact,

    close() {
      isOver = true;
      opening?.then((connection) => connection.close()).catch(() => {});
      forget();
    },
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
    request.onerror = (event) => {
      // It aborts the transaction only if whoever awaits it does not make do without it.
      event.preventDefault();
      reject(request.error);
    };
  });
}

/**
 * @template Result
 * @param {Promise<Result>} work
 * @returns {Promise<Result>}
 */
function inTime(work) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const limit = new Promise((_, reject) => {
    timer = setTimeout(reject, LIMIT_MS, TOO_LONG);
  });
  return Promise.race([work, limit]).finally(() => clearTimeout(timer));
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
    work
      .catch((error) => {
        failure = error;
        if (error === TOO_LONG) reject(error);
        transaction.abort();
      })
      // A failed request has aborted it already.
      .catch(() => {});
  });
}
