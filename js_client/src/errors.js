/**
 * The one error tree. Messages say what was wrong and what to do; they never hold a key, a proof or image bytes.
 */

import { stateName } from "./states.js";

/** Root of every error this package raises. */
export class PixstoreError extends Error {
  static {
    // On the prototype, as the built-in errors have it, and as a literal: a minifier renames classes.
    this.prototype.name = "PixstoreError";
  }
}

/** A configuration can't work: an unknown option, or a value of the wrong kind; the message names the option. */
export class ConfigError extends PixstoreError {
  static {
    this.prototype.name = "ConfigError";
  }
}

/** The shared shape of errors whose kind a program may want to tell apart. */
class ReasonedError extends PixstoreError {
  /**
   * @param {string} message
   * @param {string} reason
   * @param {ErrorOptions} [options]
   */
  constructor(message, reason, options) {
    super(message, options);
    /** Machine-readable kind of the failure. */
    this.reason = reason;
  }
}

/** A value is no image record; `reason` is one of shape, id, token, key, iv, tag, proof. */
export class RecordError extends ReasonedError {
  static {
    this.prototype.name = "RecordError";
  }
}

/**
 * Bytes are no wire payload; `reason` is one of empty, unknown-state, truncated, no-ciphertext, trailing-bytes,
 * token-range.
 */
export class WireError extends ReasonedError {
  static {
    this.prototype.name = "WireError";
  }
}

/**
 * An image can't be read; `reason` is tag (damaged, or encrypted under another key), format-byte (a format this
 * client doesn't know) or no-image (nothing but the format byte).
 */
export class DecryptError extends ReasonedError {
  static {
    this.prototype.name = "DecryptError";
  }
}

/**
 * The browser's storage failed; `cause` is its error. `reason` is unavailable (there is no usable IndexedDB) or failed
 * (it is there, and an operation on it failed).
 */
export class CacheError extends ReasonedError {
  static {
    this.prototype.name = "CacheError";
  }
}

/** The image could not be fetched: the network failed (`cause` is set), or the HTTP status is not 2xx (`status` is). */
export class FetchError extends PixstoreError {
  static {
    this.prototype.name = "FetchError";
  }

  /**
   * @param {string} message
   * @param {{status?: number, cause?: unknown}} [details]
   */
  constructor(message, { status, ...options } = {}) {
    super(message, options);
    /** HTTP status, where there was a response; 0 for a redirect, which browsers don't show. */
    this.status = status;
  }
}

const ADVICE = [
  "",
  "",
  "there is no such image (any more)",
  "the request carried no image id; check that a proxy passes the whole path on",
  "the request carried no proof; check that a proxy passes the x-pixstore-proof header on",
  "the record's proof has expired or belongs to another record; fetch a fresh record from your API and try again",
  "the server failed; its log has the reason",
];

/** The server answered with a refusal. */
export class StateError extends PixstoreError {
  static {
    this.prototype.name = "StateError";
  }

  /** @param {number} state  one of WireState, 2 to 6 */
  constructor(state) {
    super(`${stateName(state)}: ${ADVICE[state]}`);
    /** The state's number, one of WireState. */
    this.state = state;
    /** The state's name, e.g. "InvalidProof". */
    this.stateName = stateName(state) ?? String(state);
  }
}
