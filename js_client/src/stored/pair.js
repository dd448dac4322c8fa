/**
 * The key pair of a namespace in IndexedDB, which all tabs and the service worker share. A cookie has its public half, so
 * that a server can seal the records in the pages it renders.
 *
 * The pair is in the store `bytes` under [namespace]. So the transaction that clears the namespace deletes it too, also
 * if the clearing client has a pair in memory or is older.
 */

import { done } from "../cache/indexeddb.js";
import { BYTES } from "../cache/object-stores.js";
import { COOKIE, expireCookie, textOf } from "../crypto/cookie.js";

/** @import { ImageCache } from "../cache/cache.js" */
/** @import { Stores } from "../cache/object-stores.js" */
/** @import { Pair, Recipient } from "../crypto/recipient.js" */
/** @import { Removed } from "../images/removal.js" */
/** @import { Reported } from "../images/storage-failures.js" */
/** @import { Options } from "../options/options.js" */

/** @typedef {ImageCache & Omit<Stores, keyof ImageCache>} StoredCache  a cache with storage, and its object stores */

/**
 * @typedef {object} Parts  of a client
 * @property {Options} options
 * @property {ImageCache} cache
 * @property {Recipient} recipient
 * @property {Reported} reported
 */

/** The longest lifetime of a cookie in Chromium, 400 days. */
const COOKIE_SECONDS = 34_560_000;

/**
 * Make the function that finds or makes the pair of a client.
 *
 * @param {Parts} parts
 * @param {{onRemoved: (listener: (removed: Removed) => void) => void}} removal
 * @param {() => Promise<Pair>} generate
 * @returns {() => Promise<Pair>}
 */
export function createFind({ options, cache, recipient, reported }, { onRemoved }, generate) {
  // With the cache "memory" or "off" the client stores nothing.
  if (!("change" in cache)) return generate;
  const stores = /** @type {StoredCache} */ (cache);
  const key = [options.namespace];
  let forgotten = 0;
  let isCleared = false;

  onRemoved(({ type }) => {
    if (type === "deleted") return;
    forgotten += 1;
    // A page that returns from the back-forward cache missed the messages of other tabs, so it reads the pair again.
    recipient.forget();
    // "emptied" follows "cleared" once the pair is deleted. Before that, this page may have set the cookie again.
    if (type === "emptied" && isCleared) expireCookie();
    isCleared = type === "cleared";
  });

  /** @param {IDBObjectStore} bytes */
  const read = async (bytes) => {
    const found = await done(bytes.get(key));
    // A browser that can't store keys may return a pair without them.
    return found?.privateKey ? /** @type {Pair} */ (found) : undefined;
  };

  async function findOrMake() {
    const found = await stores.transact([BYTES], "readonly", read);
    if (found) return found;
    // Nothing uses the new pair before it is stored, so no record is sealed to a pair that a clear() meanwhile deletes.
    const made = await generate();
    return stores.change(async (_, bytes) => {
      // Of two tabs that start at the same time, the first one stores its pair.
      const other = await read(bytes);
      if (!other) bytes.put(made, key);
      return other ?? made;
    });
  }

  async function findNamed() {
    const before = forgotten;
    const pair = await findOrMake();
    if (forgotten === before) setCookie(textOf(pair.own));
    return pair;
  }

  return async () => {
    const found = await reported(findNamed());
    recipient.isStored = Boolean(found);
    // Without the storage the pair is in memory.
    return found ?? generate();
  };
}

/** @param {string} text  the public half */
function setCookie(text) {
  try {
    document.cookie = `${COOKIE}=${text}; max-age=${COOKIE_SECONDS}; path=/; secure; samesite=lax`;
  } catch {
    // A worker and a sandboxed frame have no cookies.
  }
}
