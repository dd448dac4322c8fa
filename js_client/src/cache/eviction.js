/** Notes when images were used, and chooses the images to evict from a full cache: the least recently used. */

/** @import { Entry } from "./cache.js" */

let last = 0;

/** A strictly rising time in epoch milliseconds, so that images used within one millisecond have an order. */
export const risingTime = () => (last = Math.max(Date.now(), last + 0.001));

const INTERVAL_MS = 2000;

/** Events after which the page may end. `visibilitychange` bubbles from the document to the window. */
const ENDS = ["pagehide", "visibilitychange"];

/**
 * Note when images were used. The times are written every 2 s, and when the page is hidden, because it may end then.
 *
 * @param {() => void} write  stores the times that `takeAll` returns
 */
export function createLastUsed(write) {
  /** @type {Map<string, number>} */
  let used = new Map();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  /** @param {Partial<PageTransitionEvent>} [event] */
  function flush({ persisted } = {}) {
    timer = /** @type {undefined} */ (clearTimeout(timer));
    for (const type of ENDS) globalThis.removeEventListener?.(type, flush);
    // WebKit stops the transactions of a page in the back-forward cache, and they block those of all other pages.
    if (used.size && !persisted) write();
  }

  return {
    flush,

    /** @param {string} id */
    touch(id) {
      used.set(id, risingTime());
      if (timer) return;
      for (const type of ENDS) globalThis.addEventListener?.(type, flush);
      timer = setTimeout(flush, INTERVAL_MS);
    },

    /** Return the times not yet written, epoch milliseconds by id, and forget them. */
    takeAll() {
      const taken = used;
      used = new Map();
      return taken;
    },
  };
}

/**
 * @typedef {object} Limits
 * @property {number} cacheLimit  most images
 * @property {number} cacheBytes  most bytes
 * @property {number} cleanupBatch  images evicted beyond the excess; the same share of the bytes is evicted
 */

/**
 * Choose the images to remove.
 *
 * @param {Entry[]} list  all entries of the cache
 * @param {Limits} limits
 * @param {number} needed  bytes to free because the disk is full below the limits; otherwise 0
 * @returns {Entry[]}
 */
export function victims(list, { cacheLimit, cacheBytes, cleanupBatch }, needed) {
  const now = risingTime();
  const total = sizeOfAll(list);
  let images = list.length - cacheLimit + cleanupBatch;
  let size = total - (needed ? total - needed : cacheBytes) * (1 - cleanupBatch / cacheLimit);
  // A time in the future was written while the clock was wrong: treat the image as the oldest.
  const age = (/** @type {Entry} */ { lastUsed }) => (lastUsed > now ? 0 : lastUsed);
  const oldest = list.sort((one, other) => age(one) - age(other));
  return oldest.filter((entry) => {
    if (images <= 0 && size <= 0) return false;
    images -= 1;
    size -= sizeOfAll([entry]);
    return true;
  });
}

/** @param {Iterable<Entry>} list */
export function sizeOfAll(list) {
  let sum = 0;
  // An entry without a size was not written by this client.
  for (const { size } of list) sum += +size || 0;
  return sum;
}
