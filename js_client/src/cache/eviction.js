/** Chooses the images to evict from a full cache: the least recently used. */

import { risingTime } from "./last-used.js";

/** @import { Entry } from "./cache.js" */

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
