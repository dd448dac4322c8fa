/** Trying again: only where that may help, each time after a longer wait, and not for ever. */

import { DecryptError, FetchError, RefusedError, ServerError } from "/images/-/client/index.js";
import { AwayError } from "./api.js";

const WAITS_MS = [0, 500, 1000, 2000, 4000];

/**
 * Do some work until it succeeds, or fails for good.
 *
 * @template Result
 * @param {() => Promise<Result>} work
 * @param {object} options
 * @param {AbortSignal} options.signal
 * @param {(error: Error) => void} [options.onTrouble]  told of each failure that leads to another try
 * @returns {Promise<Result>}
 */
export async function persist(work, { signal, onTrouble = () => {} }) {
  for (const wait of WAITS_MS) {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      if (!mayPass(error)) throw error;
      onTrouble(error);
      await pause(wait, signal);
    }
  }
  return work();
}

/**
 * Tell whether a failure may pass with a fresh record: an old proof, a damaged body, a server that is away.
 *
 * @param {unknown} error
 */
function mayPass(error) {
  if (error instanceof RefusedError) return error.reason === "InvalidProof";
  if (error instanceof FetchError) return error.status === undefined || error.status >= 500;
  return error instanceof AwayError || error instanceof ServerError || (error instanceof DecryptError && error.reason === "tag");
}

/**
 * @param {number} ms
 * @param {AbortSignal} signal
 */
const pause = (ms, signal) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    }, { once: true });
  });
