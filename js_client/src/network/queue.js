import { unlessAborted } from "../abort.js";
import { PRIORITIES } from "../options/options.js";

/** @import { Priority } from "../options/options.js" */

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
