/** Chooses the images to evict from a full cache: the least recently used. */
import type { Entry } from "./cache.js";
export type Limits = {
    /**
     * most images
     */
    cacheLimit: number;
    /**
     * most bytes
     */
    cacheBytes: number;
    /**
     * images evicted beyond the excess; the same share of the bytes is evicted
     */
    cleanupBatch: number;
};
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
export declare function victims(list: Entry[], { cacheLimit, cacheBytes, cleanupBatch }: Limits, needed: number): Entry[];
/** @param {Iterable<Entry>} list */
export declare function sizeOfAll(list: Iterable<Entry>): number;
