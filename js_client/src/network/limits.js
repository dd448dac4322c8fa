/** Limits how many requests run at once, and how long an image may make no progress. */

import { unlessAborted } from "../abort.js";
import { FetchError } from "../errors.js";
import { PRIORITIES } from "../options/options.js";

/** @import { Priority } from "../options/options.js" */

/** @typedef {ReturnType<typeof createTimeLimit>} TimeLimit */

/**
 * Limit how many tasks run at once. The others wait, higher priorities first. A task gives up its place when its signal
 * is aborted, even if it continues.
 *
 * @param {number} limit
 * @returns {<Result>(priority: Priority, signal: AbortSignal, task: () => Promise<Result>) => Promise<Result>}
 */
export function createQueue(limit) {
  /** @type {Array<Array<() => void>>} */
  const waiting = PRIORITIES.map(() => []);
  let running = 0;

  return async (priority, signal, task) => {
    if (running >= limit) {
      await new Promise((/** @type {(value?: unknown) => void} */ go) =>
        waiting[PRIORITIES.indexOf(priority)]?.push(go),
      );
    } else running += 1;
    try {
      return await unlessAborted(signal, task);
    } finally {
      // The next task takes this place, so `running` stays.
      const next = waiting.find((line) => line.length)?.shift();
      if (next) next();
      else running -= 1;
    }
  };
}

/** A browser timer with a delay above 2**31 - 1 ms ends at once. */
const MOST_MS = 2e9;

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
