/** What goes wrong with the images of a test client, or takes its time: of an image, and of its variants with it. */

import { isOf } from "../format/ids.js";

/** @typedef {ReturnType<typeof createTroubles>} Troubles */

/** @param {number} delayMs  that every load takes, unless told otherwise */
export function createTroubles(delayMs) {
  /** @type {Map<string, {error: () => unknown, times: number}>} */
  const failures = new Map();
  /** @type {Map<string, number>} */
  const delays = new Map();
  /** @type {Map<string, {passed: Promise<void>, open: () => void}>} */
  const gates = new Map();

  return {
    /**
     * @param {string} id
     * @param {(() => unknown) | undefined} error  nothing where it fails no more
     * @param {number} times
     */
    fail(id, error, times) {
      if (error && times > 0) failures.set(id, { error, times });
      else failures.delete(id);
    },

    /**
     * @param {string} id
     * @param {number} ms
     */
    delay: (id, ms) => void delays.set(id, ms),

    /** @param {string} id */
    hold(id) {
      if (gates.has(id)) return;
      let open = () => {};
      const passed = new Promise((/** @type {(value?: any) => void} */ resolve) => (open = resolve));
      gates.set(id, { passed, open });
    },

    /** @param {string} id */
    release(id) {
      gates.get(id)?.open();
      gates.delete(id);
    },

    /**
     * Take the time that an image takes, and fail where it fails.
     *
     * @param {string} id
     */
    async meet(id) {
      const ms = ofImage(delays, id) ?? delayMs;
      if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
      await ofImage(gates, id)?.passed;
      const failure = ofImage(failures, id);
      if (!failure) return;
      failure.times -= 1;
      if (failure.times <= 0) failures.delete(nameIn(failures, id));
      throw failure.error();
    },
  };
}

/**
 * @template Value
 * @param {Map<string, Value>} values
 * @param {string} id
 */
const ofImage = (values, id) => values.get(nameIn(values, id));

/**
 * The name that an image has there, its own or its original's.
 *
 * @param {Map<string, unknown>} values
 * @param {string} id
 */
const nameIn = (values, id) => (values.has(id) ? id : ([...values.keys()].find((name) => isOf(id, name)) ?? id));
