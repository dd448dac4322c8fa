/** What becomes of storage failures: they are told to the page, and images are served all the same. */

/** @import { CacheError } from "./errors.js" */

/** @typedef {ReturnType<typeof createReports>} Reports */

/** @param {(error: CacheError) => void} onCacheError */
export function createReports(onCacheError) {
  /** @param {CacheError} error */
  function report(error) {
    // In a task of its own, so that a callback that throws is the page's error and breaks no image.
    queueMicrotask(() => onCacheError(error));
  }

  return {
    /**
     * What the storage resolves to; undefined where it fails.
     *
     * @template Result
     * @param {Promise<Result>} storage
     * @returns {Promise<Result | undefined>}
     */
    reported: (storage) =>
      storage.catch((error) => {
        report(error);
        return undefined;
      }),

    /**
     * The same of a removal: where there is no storage nothing is left to remove, any other failure may leave images
     * behind and is thrown.
     *
     * @template Result
     * @param {Promise<Result>} removal
     * @returns {Promise<Result | undefined>}
     */
    unlessUnavailable: (removal) =>
      removal.catch((error) => {
        if (error.reason !== "unavailable") throw error;
        report(error);
        return undefined;
      }),
  };
}
