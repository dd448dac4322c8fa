/** Decrypts large stored images in a worker, which keeps the page responsive; in the page where there is no worker. */

import { decryptBlob } from "./decrypt.js";

/** @import { ImageKey } from "./gcm.js" */

const ANSWER_LIMIT_MS = 10_000;

/** @returns {(sealed: Blob, key: ImageKey) => Promise<Blob>}  rejects as `decrypt` does */
export function createOffload() {
  /** @type {Map<number, (image?: Blob) => void>} */
  const waiting = new Map();
  /** @type {Worker | undefined} */
  let worker;
  let isUsable = typeof Worker !== "undefined";
  let count = 0;

  /** No file of this name beside a bundle, a policy of the page, another origin: the page works alone from now on. */
  function giveUp() {
    isUsable = false;
    worker?.terminate();
    for (const answer of waiting.values()) answer();
  }

  function start() {
    worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    worker.onerror = giveUp;
    worker.onmessage = ({ data: { number, image } }) => waiting.get(number)?.(image);
    return worker;
  }

  /**
   * @param {Blob} sealed
   * @param {ImageKey} key
   * @returns {Promise<Blob | undefined>}
   */
  const inWorker = (sealed, { key, iv }) =>
    new Promise((resolve) => {
      const number = (count += 1);
      const timer = setTimeout(giveUp, ANSWER_LIMIT_MS);
      waiting.set(number, (image) => {
        clearTimeout(timer);
        waiting.delete(number);
        resolve(image);
      });
      try {
        (worker ?? start()).postMessage({ number, sealed, key, iv });
      } catch {
        // Trusted Types, or the module comes from another origin.
        giveUp();
      }
    });

  return async (sealed, key) => (isUsable && (await inWorker(sealed, key))) || decryptBlob(sealed, key);
}
