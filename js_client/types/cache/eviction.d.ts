/** Which images go when the cache is full: those that were not used for longest. */
import type { Entry } from "./cache.js";
export type Limits = {
    /**
     * images
     */
    cacheLimit: number;
    cacheBytes: number;
    /**
     * images to go beyond the excess; of the bytes, the same share
     */
    cleanupBatch: number;
};
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
export declare function victims(list: Entry[], { cacheLimit, cacheBytes, cleanupBatch }: Limits, needed: number): Entry[];
/** @param {Iterable<Entry>} list */
export declare function sizeOfAll(list: Iterable<Entry>): number;
