/** Limits how long an image may make no progress. */

import { FetchError } from "../errors.js";

/** @typedef {ReturnType<typeof createTimeLimit>} TimeLimit */

/** The longest delay of a browser timer. A longer one would end at once. */
const MOST_MS = 2 ** 31 - 1;

/**
 * Make a limit. It runs once `start` is called.
 *
 * @param {number} ms
 * @param {AbortController} controller  aborted with a FetchError when the time is over
 */
export function createTimeLimit(ms, controller) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const end = () => controller.abort(new FetchError(`nothing of the image came within ${ms} ms`));

  /** Suspend the limit, for instance while the image waits for others. */
  function stop() {
    clearTimeout(timer);
    timer = undefined;
  }

  /** Start or restart the limit. */
  function start() {
    stop();
    timer = setTimeout(end, Math.min(ms, MOST_MS));
  }

  return { stop, start, renew: () => timer && start() };
}
