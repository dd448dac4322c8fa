/**
 * Decrypts large stored images in a worker, which keeps the page responsive; in the page as long as there is none.
 *
 * A worker takes longer to start than an image takes to decrypt: no image waits for it.
 */

import { decryptBlob } from "./decrypt.js";

/** @import { ImageKey } from "./gcm.js" */

/** Measured: smaller images are decrypted before a worker has got them. */
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

  /** The client is closed, or no file of this name beside a bundle, a policy of the page, another origin: the page works alone from now on. */
  function giveUp() {
    isUsable = isReady = false;
    worker?.terminate();
    for (const answer of waiting.values()) answer();
  }

  /**
   * Start the worker, for an image of this size.
   *
   * @param {number} size  in bytes
   */
  function start(size) {
    if (worker || !isUsable || size < LEAST_BYTES) return;
    try {
      worker = startWorker();
      worker.onerror = giveUp;
      worker.onmessage = ({ data }) => {
        const { number, image } = Object(data);
        isReady = isUsable && Number.isInteger(number);
        // Some other script of this name, or a page in its place.
        if (!isReady) giveUp();
        waiting.get(number)?.(image);
      };
    } catch {
      // Trusted Types, or the module comes from another origin, or there are no workers.
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
      worker?.postMessage({ number, sealed, key, iv });
    });

  return {
    start,

    close: giveUp,

    /**
     * Rejects as `decrypt` does.
     *
     * @param {Blob} sealed
     * @param {ImageKey} key
     * @returns {Promise<Blob>}
     */
    async decrypt(sealed, key) {
      const image = isReady && sealed.size >= LEAST_BYTES && (await ask(sealed, key));
      return image || decryptBlob(sealed, key).finally(() => start(sealed.size));
    },
  };
}
