import { unlessAborted } from "../abort.js";
import { PRIORITIES } from "../options/options.js";

/** @import { Priority } from "../options/options.js" */

/**
 * Limits how many tasks run at once; the others wait, those of higher priority in front. A task whose signal is aborted
 * gives up its place, even if it goes on.
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
      // Whoever goes next takes this one's place.
      const next = waiting.find((line) => line.length)?.shift();
      if (next) next();
      else running -= 1;
    }
  };
}
