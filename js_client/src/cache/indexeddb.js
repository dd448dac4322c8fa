/** One IndexedDB database: a connection that is reopened if necessary, and transactions as promises. */

import { CacheError } from "../errors.js";

/**
 * Runs one transaction. `work` gets the object stores in the order of `stores`. It may await only requests (see
 * `done`), and need not await a request without a result. Resolves to the result of `work` once its writes are
 * complete. If anything fails, nothing is written and it rejects with CacheError.
 *
 * @typedef {<Result>(
 *   stores: string[],
 *   mode: IDBTransactionMode,
 *   work: (...stores: IDBObjectStore[]) => Promise<Result>,
 *   durability?: IDBTransactionDurability,
 * ) => Promise<Result>} Transact
 */

/** Time limit of opening and of one transaction; a transaction of another tab may block both. */
const LIMIT_MS = 3000;

export const TOO_LONG = "timeout";

/** Errors of a browser without IndexedDB, or with site data forbidden. Chromium has its own message for the latter. */
const NO_STORAGE = /^(Reference|Type|Security)Error|denied permission/;

/** After a failure to open, calls fail at once for this time, and the next one tries again. */
const RETRY_MS = 5000;

/**
 * Describe a database. The first transaction opens it. A strict transaction always tries to open it, even shortly after
 * a failure.
 *
 * @param {string} name
 * @param {number} version
 * @param {(connection: IDBDatabase) => void} createStores  creates the stores of a database that is new or of an older
 *   version
 * @returns {{transact: Transact, close: () => void}}  `close` closes the connection; each later transaction opens its
 *   own
 */
export function createDatabase(name, version, createStores) {
  /** @type {Promise<IDBDatabase> | undefined} */
  let opening;
  /** When to open again after a failure; NaN if opening has not failed. */
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
        // After any other error the database may hold images.
        const reason = NO_STORAGE.test(String(cause)) ? "unavailable" : "failed";
        reject(new CacheError(`IndexedDB ${name} can't be opened`, { reason, cause }));
      };
      // Opening can hang without any event, for instance behind another tab's `deleteDatabase`. After the limit, calls
      // fail at once; if the database opens later, the connection is used.
      const limit = setTimeout(fail, LIMIT_MS, TOO_LONG, Infinity);
      try {
        const request = indexedDB.open(name, version);
        request.onupgradeneeded = () => createStores(request.result);
        request.onerror = () => fail(request.error);
        request.onsuccess = () => {
          clearTimeout(limit);
          const connection = request.result;
          // The browser has closed the connection: site data was cleared, or the disk failed.
          connection.onclose = forget;
          // Another tab deletes the database or upgrades it. Close the connection, or that tab waits until this page
          // ends.
          connection.onversionchange = () => {
            connection.close();
            forget();
          };
          resolve(connection);
          opening = Promise.resolve(connection);
          retryAt = NaN;
          // Let the transaction that opened the connection begin first.
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
        // Safari closes the connections of background pages without an event: open another connection.
        if (isClosed(error)) return begin(stores, mode, { durability });
        throw error;
      });
      const result = work(...stores.map((store) => transaction.objectStore(store)));
      return await inTime(transaction, mode === "readonly" ? result : finish(transaction, result));
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
      // The caller decides: if it does not catch the error, `transact` aborts the transaction.
      event.preventDefault();
      reject(request.error);
    };
  });
}

/**
 * Abort a transaction after the limit. Its end may never be reported: Chromium reports neither completion nor abort
 * if `Clear-Site-Data` removes the database meanwhile.
 *
 * @template Result
 * @param {IDBTransaction} transaction
 * @param {Promise<Result>} work
 * @returns {Promise<Result>}
 */
function inTime(transaction, work) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const limit = new Promise((_, reject) => {
    timer = setTimeout(reject, LIMIT_MS, TOO_LONG);
  });
  // abort() throws if the transaction has ended.
  limit.catch(() => transaction.abort()).catch(() => {});
  return Promise.race([work, limit]).finally(() => clearTimeout(timer));
}

/**
 * Wait for the end of a transaction. Abort it if the page enters the back-forward cache: WebKit stops it there, and it
 * would block the transactions of all other pages.
 *
 * @template Result
 * @param {IDBTransaction} transaction
 * @param {Promise<Result>} work
 * @returns {Promise<Result>}
 */
function finish(transaction, work) {
  /** @param {PageTransitionEvent} event */
  const leave = ({ persisted }) => persisted && transaction.abort();
  globalThis.addEventListener?.("pagehide", leave);
  return new Promise((resolve, reject) => {
    /** @type {unknown} */
    let failure;
    transaction.oncomplete = () => resolve(work);
    // A failed request is the cause. The work only sees that its next request was aborted.
    transaction.onabort = () => reject(transaction.error ?? failure);
    work
      .catch((error) => {
        failure = error;
        transaction.abort();
      })
      // abort() throws if a failed request has aborted the transaction already.
      .catch(() => {});
  }).finally(() => globalThis.removeEventListener?.("pagehide", leave));
}
