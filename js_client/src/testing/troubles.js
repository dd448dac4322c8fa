/** Failures and delays of a test client: of an image, and of its variants. */

import { DecryptError, FetchError, WireState, stateError, statusError } from "../errors.js";
import { isOf } from "../format/ids.js";

/** @typedef {keyof typeof FAILURES} Failure */

const FAILURES = {
  /** The image was deleted. */
  gone: () => stateError(WireState.NotFound),
  /** The proof has expired or belongs to another audience; a fresh record fails, too. */
  expired: () => stateError(WireState.InvalidProof),
  /** The user is not signed in. */
  "signed-out": () => statusError(401),
  /** The user may not see this image. */
  forbidden: () => statusError(403),
  /** The server failed. */
  server: () => stateError(WireState.InternalError),
  /** The server is overloaded, or a proxy cannot reach it. */
  busy: () => statusError(503),
  /** There is no network. */
  offline: () => new FetchError("the application can't be reached", { cause: new TypeError("Failed to fetch") }),
  /** The bytes were changed on their way. */
  damaged: () => new DecryptError("the image fails authentication: damaged, or of another key", { reason: "tag" }),
};

/**
 * Make a new error of this kind, as the real client rejects with it.
 *
 * @param {Failure} failure
 */
export const failureOf = (failure) => FAILURES[failure]();

/** @typedef {ReturnType<typeof createTroubles>} Troubles */

/** @param {number} delayMs  the default delay of every load */
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
     * @param {(() => unknown) | undefined} error  undefined: loads no longer fail
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
     * Wait for the delay and the gate of an image, and throw its failure.
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
 * Return the id under which an image is listed: its own or its original's.
 *
 * @param {Map<string, unknown>} values
 * @param {string} id
 */
const nameIn = (values, id) => (values.has(id) ? id : ([...values.keys()].find((name) => isOf(id, name)) ?? id));
