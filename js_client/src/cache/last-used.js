/**
 * Notes when images were used. The times are written every 2 s, and when the page is hidden, because it may end then.
 */

let last = 0;

/** A strictly rising time in epoch milliseconds, so that images used within one millisecond have an order. */
export const risingTime = () => (last = Math.max(Date.now(), last + 0.001));

const INTERVAL_MS = 2000;

/** Events after which the page may end. `visibilitychange` bubbles from the document to the window. */
const ENDS = ["pagehide", "visibilitychange"];

/**
 * @param {() => void} write  stores the times that `takeAll` returns
 */
export function createLastUsed(write) {
  /** @type {Map<string, number>} */
  let used = new Map();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  function flush() {
    clearTimeout(timer);
    timer = undefined;
    for (const type of ENDS) globalThis.removeEventListener?.(type, flush);
    if (used.size) write();
  }

  function start() {
    for (const type of ENDS) globalThis.addEventListener?.(type, flush);
    return setTimeout(flush, INTERVAL_MS);
  }

  return {
    flush,

    /** @param {string} id */
    touch(id) {
      used.set(id, risingTime());
      timer ??= start();
    },

    /** Return the times not yet written, epoch milliseconds by id, and forget them. */
    takeAll() {
      const taken = used;
      used = new Map();
      return taken;
    },
  };
}
