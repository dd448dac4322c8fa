/** How a request can end: the first byte of every wire payload. */
export const WireState = Object.freeze({
  Success: 0,
  Updated: 1,
  NotFound: 2,
  MissingID: 3,
  MissingProof: 4,
  InvalidProof: 5,
  InternalError: 6,
});

/** @typedef {typeof WireState[keyof typeof WireState]} WireStateNumber */

const NAMES = Object.keys(WireState);

/**
 * Name of a state as the protocol spells it, e.g. "InvalidProof"; undefined for a byte that is no state.
 *
 * @param {number} state
 * @returns {string | undefined}
 */
export const stateName = (state) => NAMES[state];
