/** Which images go when the cache is full: those that were not used for longest. */

import { risingTime } from "./last-used.js";

/** @import { Entry } from "./cache.js" */

/**
 * @typedef {object} Limits
 * @property {number} cacheLimit  images
 * @property {number} cacheBytes
 * @property {number} cleanupBatch  images to go beyond the excess; of the bytes, the same share
 */

/**
 * Choose the images to remove.
 *
 * @param {Entry[]} list  all that are there
 * @param {Limits} limits
 * @param {number} needed  bytes to make room for where the disk is full before the limit is reached, else 0
 * @returns {Entry[]}
 */
export function victims(list, { cacheLimit, cacheBytes, cleanupBatch }, needed) {
  const now = risingTime();
  const total = sizeOfAll(list);
  let images = list.length - cacheLimit + cleanupBatch;
  let size = total - (needed ? total - needed : cacheBytes) * (1 - cleanupBatch / cacheLimit);
  // Used in the future: the clock was ahead.
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
  // An entry without a size is none of ours.
  for (const { size } of list) sum += +size || 0;
  return sum;
}
