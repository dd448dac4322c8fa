/** The outcomes of a request: the first byte of every wire payload. */
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
 * Return the name of a state in the protocol, e.g. "InvalidProof", or undefined for an unknown byte.
 *
 * @param {number} state
 * @returns {string | undefined}
 */
export const stateName = (state) => NAMES[state];
