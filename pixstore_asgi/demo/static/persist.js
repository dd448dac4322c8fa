/** Asking the JSON API again where the server is away: each time after a longer wait, and not for ever. */

import { AwayError } from "./api.js";

const WAITS_MS = [250, 500, 1000, 2000, 4000];

/**
 * Do some work until the server is there.
 *
 * @template Result
 * @param {() => Promise<Result>} work
 * @param {AbortSignal} signal
 * @returns {Promise<Result>}
 */
export async function persist(work, signal) {
  for (const wait of WAITS_MS) {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof AwayError)) throw error;
      await new Promise((resolve) => setTimeout(resolve, wait));
      signal.throwIfAborted();
    }
  }
  return work();
}
