/**
 * Note when images were used. It is time to write that down every 2 s, and when the page is hidden, which may be its
 * end.
 */

let last = 0;

/** A strictly rising time in epoch milliseconds: images used within one millisecond have an order, too. */
export const risingTime = () => (last = Math.max(Date.now(), last + 0.001));

const INTERVAL_MS = 2000;

/** The page may not live on: visibilitychange comes up from the document. */
const ENDS = ["pagehide", "visibilitychange"];

/**
 * @param {() => void} write  writes down what `takeAll` hands out
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

    /** Hand out what is not written down yet: epoch milliseconds by id. */
    takeAll() {
      const taken = used;
      used = new Map();
      return taken;
    },
  };
}
