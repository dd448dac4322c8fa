/**
 * The one error tree. Messages say what was wrong and what to do; they never hold a key, a proof or image bytes.
 */

import { WireState, stateName } from "./states.js";

/** @import { WireStateNumber } from "./states.js" */

/**
 * @typedef {object} ErrorDetails
 * @property {string} [reason]
 * @property {number} [state]
 * @property {number} [status]
 * @property {number | undefined} [retryAfterMs]
 * @property {unknown} [cause]
 */

/**
 * Root of every error this package raises.
 *
 * @template {string} [Reason=string]
 */
export class PixstoreError extends Error {
  static {
    // On the prototype, as the built-in errors have it, and as a literal: a minifier renames classes.
    this.prototype.name = "PixstoreError";
  }

  /** @type {Reason | undefined} machine-readable kind of the failure */
  reason;

  /** @type {WireStateNumber | undefined} one of WireState, where the server answered with one */
  state;

  /** @type {number | undefined} HTTP status, where there was a response; 0 for a redirect, which browsers hide */
  status;

  /** @type {number | undefined} how long the server asked to be left alone, where it did */
  retryAfterMs;

  /**
   * @param {string} message
   * @param {ErrorDetails} [details]
   */
  constructor(message, { cause, ...details } = {}) {
    super(message, { cause });
    Object.assign(this, details);
  }
}

/**
 * An option is unknown, or its value can't work, or the fetcher gives no bytes; the message names it.
 *
 * @extends {PixstoreError<never>}
 */
export class ConfigError extends PixstoreError {
  static {
    this.prototype.name = "ConfigError";
  }
}

/**
 * A value is no image record; `reason` is the part that is wrong.
 *
 * @extends {PixstoreError<"shape" | "id" | "token" | "key" | "iv" | "tag" | "proof">}
 */
export class RecordError extends PixstoreError {
  static {
    this.prototype.name = "RecordError";
  }
}

/**
 * No answer came: the network failed (`cause`), the time was up, or the HTTP status says so (`status`).
 *
 * @extends {PixstoreError<never>}
 */
export class FetchError extends PixstoreError {
  static {
    this.prototype.name = "FetchError";
  }
}

/**
 * There is no such image (any more).
 *
 * @extends {PixstoreError<"NotFound">}
 */
export class NotFoundError extends PixstoreError {
  static {
    this.prototype.name = "NotFoundError";
  }
}

/**
 * The server refused: by a wire state, or as "authorize" by the HTTP `status` 401 or 403.
 *
 * @extends {PixstoreError<"MissingID" | "MissingProof" | "InvalidProof" | "authorize">}
 */
export class RefusedError extends PixstoreError {
  static {
    this.prototype.name = "RefusedError";
  }
}

/**
 * The server failed: wire state InternalError.
 *
 * @extends {PixstoreError<"InternalError">}
 */
export class ServerError extends PixstoreError {
  static {
    this.prototype.name = "ServerError";
  }
}

/** @typedef {"empty" | "unknown-state" | "truncated" | "no-ciphertext" | "trailing-bytes" | "token-range"} WireReason */

/**
 * Bytes are no wire payload.
 *
 * @extends {PixstoreError<WireReason>}
 */
export class WireError extends PixstoreError {
  static {
    this.prototype.name = "WireError";
  }
}

/**
 * An image can't be read; `reason` is tag (damaged, or encrypted under another key), format-byte (a format this
 * client doesn't know) or no-image (nothing but the format byte).
 *
 * @extends {PixstoreError<"tag" | "format-byte" | "no-image">}
 */
export class DecryptError extends PixstoreError {
  static {
    this.prototype.name = "DecryptError";
  }
}

/**
 * The browser's storage failed; `cause` is its error. `reason` is unavailable (there is no usable IndexedDB) or failed
 * (it is there, and an operation on it failed).
 *
 * @extends {PixstoreError<"unavailable" | "failed">}
 */
export class CacheError extends PixstoreError {
  static {
    this.prototype.name = "CacheError";
  }
}

/** @type {Record<number, string>} */
const ADVICE = {
  [WireState.NotFound]: "there is no such image (any more)",
  [WireState.MissingID]: "a proxy must pass the whole path on",
  [WireState.MissingProof]: "a proxy must pass the header x-pixstore-proof on",
  [WireState.InvalidProof]:
    "the proof has expired or is of another image; get a fresh record, or set `recordsUrl` or `refreshRecord`",
  [WireState.InternalError]: "the server failed; its log has the reason",
};

/**
 * The error of a wire state that brings no image.
 *
 * @param {number} state  2 to 6
 */
export function stateError(state) {
  const reason = String(stateName(state));
  const Kind = { [WireState.NotFound]: NotFoundError, [WireState.InternalError]: ServerError }[state] ?? RefusedError;
  return new Kind(`${reason}: ${ADVICE[state]}`, { state, reason });
}

/** @type {Record<number, string>} */
const STATUS_ADVICE = {
  0: "the endpoint redirects, which is not followed; check `endpoint`",
  404: "there is no such endpoint; check `endpoint` or `recordsUrl`",
};

/**
 * The error of an HTTP status outside 2xx.
 *
 * @param {number} status
 * @param {string | null} [retryAfter]  seconds, or an HTTP date
 */
export function statusError(status, retryAfter) {
  if (status === 401 || status === 403) {
    return new RefusedError(`HTTP status ${status}: the application refused`, { status, reason: "authorize" });
  }
  const seconds = Number(retryAfter);
  const ms = Number.isNaN(seconds) ? Date.parse(retryAfter ?? "") - Date.now() : 1000 * seconds;
  return new FetchError(
    `HTTP status ${status}: ${STATUS_ADVICE[status] ?? "the server, or a proxy before it, has the reason"}`,
    { status, retryAfterMs: ms > 0 ? ms : undefined },
  );
}

/**
 * Whether the same request may do better later.
 *
 * @param {unknown} error
 */
export function mayPass(error) {
  if (!(error instanceof FetchError)) return error instanceof ServerError;
  const { status = 500 } = error;
  return (status >= 500 && status !== 501) || [408, 425, 429].includes(status);
}
