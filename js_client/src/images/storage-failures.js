/** What becomes of storage failures: they are told to the page, and images are served all the same. */

/** @import { CacheError } from "../errors.js" */

/** @typedef {ReturnType<typeof createReported>} Reported */

/** @param {(error: CacheError) => void} onCacheError */
export const createReported =
  (onCacheError) =>
  /**
   * What the storage resolves to; undefined where it fails. Of a removal a failure may leave images behind and is thrown,
   * but where there is no storage nothing is left to remove.
   *
   * @template Result
   * @param {Promise<Result>} storage
   * @param {boolean} [isRemoval]
   * @returns {Promise<Result | undefined>}
   */
  (storage, isRemoval = false) =>
    storage.catch((error) => {
      if (isRemoval && error.reason !== "unavailable") throw error;
      // In a task of its own, so that a callback that throws is the page's error and breaks no image.
      queueMicrotask(() => onCacheError(error));
      return undefined;
    });
