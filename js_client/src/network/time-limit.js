/** How long an image may show no sign of life. */

import { FetchError } from "../errors.js";

/** @typedef {ReturnType<typeof createTimeLimit>} TimeLimit */

/** A timer's longest time: beyond it, it would be up at once. */
const MOST_MS = 2 ** 31 - 1;

/**
 * Make a limit; it does not run before it is started.
 *
 * @param {number} ms
 * @param {AbortController} controller  aborted when the time is up
 */
export function createTimeLimit(ms, controller) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const up = () => controller.abort(new FetchError(`nothing of the image came within ${ms} ms`));

  /** Hold it off, as while others are served first. */
  function stop() {
    clearTimeout(timer);
    timer = undefined;
  }

  /** Start it, or start it anew. */
  function start() {
    stop();
    timer = setTimeout(up, Math.min(ms, MOST_MS));
  }

  return { stop, start, renew: () => timer && start() };
}
