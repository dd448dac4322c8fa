/** What becomes of storage failures: they are told to the page, and images are served all the same. */
import type { CacheError } from "./errors.js";
export type Reports = ReturnType<typeof createReports>;
/** @import { CacheError } from "./errors.js" */
/** @typedef {ReturnType<typeof createReports>} Reports */
/** @param {(error: CacheError) => void} onCacheError */
export declare function createReports(onCacheError: (error: CacheError) => void): {
    /**
     * What the storage resolves to; undefined where it fails.
     *
     * @template Result
     * @param {Promise<Result>} storage
     * @returns {Promise<Result | undefined>}
     */
    reported: <Result>(storage: Promise<Result>) => Promise<Result | undefined>;
    /**
     * The same of a removal: where there is no storage nothing is left to remove, any other failure may leave images
     * behind and is thrown.
     *
     * @template Result
     * @param {Promise<Result>} removal
     * @returns {Promise<Result | undefined>}
     */
    unlessUnavailable: <Result>(removal: Promise<Result>) => Promise<Result | undefined>;
};
