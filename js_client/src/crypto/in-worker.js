/**
 * Decrypts large stored images in a worker, so that the page stays responsive. Until the worker has started, the page
 * decrypts: starting a worker takes longer than decrypting an image.
 */

import { decryptBlob } from "./decrypt.js";

/** @import { ImageKey } from "./gcm.js" */

/** Measured: below this size, decrypting takes less time than sending the image to a worker. */
const LEAST_BYTES = 1_000_000;

const ANSWER_LIMIT_MS = 10_000;

/** @typedef {ReturnType<typeof createInWorker>} InWorker */

/** @param {() => Worker} startWorker */
export function createInWorker(startWorker) {
  /** @type {Map<number, (image?: Blob) => void>} */
  const waiting = new Map();
  /** @type {Worker | undefined} */
  let worker;
  let isUsable = true;
  let isReady = false;
  let count = 0;

  /**
   * Decrypt in the page from now on: the client is closed, or the worker cannot start because its file is missing
   * beside a bundle, a policy forbids it, or it lies on another origin.
   */
  function giveUp() {
    isUsable = isReady = false;
    worker?.terminate();
    for (const answer of waiting.values()) answer();
  }

  /**
   * Start the worker if an image of this size is worth it.
   *
   * @param {number} [size]  in bytes
   */
  function start(size = 0) {
    if (worker || !isUsable || size < LEAST_BYTES) return;
    try {
      worker = startWorker();
      worker.onerror = giveUp;
      worker.onmessage = ({ data }) => {
        const { number, image } = Object(data);
        isReady = isUsable && Number.isInteger(number);
        // The file is another script, or a page.
        if (!isReady) giveUp();
        waiting.get(number)?.(image);
      };
    } catch {
      // Trusted Types forbid it, the module lies on another origin, or there are no workers.
      giveUp();
    }
  }

  /**
   * @param {Blob} sealed
   * @param {ImageKey} key
   * @returns {Promise<Blob | undefined>}
   */
  const ask = (sealed, { key, iv }) =>
    new Promise((resolve) => {
      const number = (count += 1);
      const timer = setTimeout(giveUp, ANSWER_LIMIT_MS);
      waiting.set(number, (image) => {
        clearTimeout(timer);
        waiting.delete(number);
        resolve(image);
      });
      try {
        worker?.postMessage({ number, sealed, key, iv });
      } catch {
        // The browser can't send the handle of a sealed record's key.
        giveUp();
      }
    });

  return {
    start,

    close: giveUp,

    /**
     * Rejects as `decrypt` does.
     *
     * @param {Blob} sealed
     * @param {ImageKey} meta
     * @returns {Promise<Blob>}
     */
    async decrypt(sealed, meta) {
      // Before the worker is chosen, because it may end meanwhile.
      const key = { ...meta, key: await meta.key };
      const image = isReady && sealed.size >= LEAST_BYTES && (await ask(sealed, key));
      return image || decryptBlob(sealed, key).finally(() => start(sealed.size));
    },
  };
}
