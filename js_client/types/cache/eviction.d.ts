/** Notes when images were used, and chooses the images to evict from a full cache: the least recently used. */
import type { Entry } from "./cache.js";
/** A strictly rising time in epoch milliseconds, so that images used within one millisecond have an order. */
export declare const risingTime: () => number;
/**
 * Note when images were used. The times are written every 2 s, and when the page is hidden, because it may end then.
 *
 * @param {() => void} write  stores the times that `takeAll` returns
 */
export declare function createLastUsed(write: () => void): {
    flush: () => void;
    /** @param {string} id */
    touch(id: string): void;
    /** Return the times not yet written, epoch milliseconds by id, and forget them. */
    takeAll(): Map<string, number>;
};
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
