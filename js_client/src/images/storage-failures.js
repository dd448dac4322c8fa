/** Reports storage failures to the page. Images are served nevertheless. */

/** @import { CacheError } from "../errors.js" */

/** @typedef {ReturnType<typeof createReported>} Reported */

/** @param {(error: CacheError) => void} onCacheError */
export const createReported =
  (onCacheError) =>
  /**
   * Resolve to the storage's result, or to undefined if the storage fails. A failed removal rejects, because images may
   * still be there; but without any storage there is nothing to remove.
   *
   * @template Result
   * @param {Promise<Result>} storage
   * @param {boolean} [isRemoval]
   * @returns {Promise<Result | undefined>}
   */
  (storage, isRemoval = false) =>
    storage.catch((error) => {
      if (isRemoval && error.reason !== "unavailable") throw error;
      // In a task of its own, so that an error of the callback is reported in the page and breaks no image.
      queueMicrotask(() => onCacheError(error));
      return undefined;
    });
