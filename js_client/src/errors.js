/**
 * The outcomes of a request, and all errors, under one root. An error message names the failure and the remedy. It never
 * contains a key, a proof or image bytes.
 */

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

/**
 * @typedef {object} ErrorDetails
 * @property {string} [reason]
 * @property {number} [state]
 * @property {number} [status]
 * @property {number | undefined} [retryAfterMs]
 * @property {unknown} [cause]
 */

/**
 * The base class of all errors of this package.
 *
 * @template {string} [Reason=string]
 */
export class PixstoreError extends Error {
  static {
    // On the prototype, as the built-in errors have it, and as a literal: a minifier renames classes.
    this.prototype.name = "PixstoreError";
  }

  /** @type {Reason | undefined} the kind of failure, for programs */
  reason;

  /** @type {WireStateNumber | undefined} the wire state that the server answered with, if it did */
  state;

  /** @type {number | undefined} HTTP status of the response, if there was one; 0 for a redirect, which browsers hide */
  status;

  /** @type {number | undefined} milliseconds to wait before a retry, if the server sent Retry-After */
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
 * An option is unknown, its value is unusable, or a custom fetcher returned no bytes. The message names the option.
 *
 * @extends {PixstoreError<never>}
 */
export class ConfigError extends PixstoreError {
  static {
    this.prototype.name = "ConfigError";
  }
}

/**
 * A value is no image record. `reason` names the wrong part; "sealed" also means that the record is sealed to another
 * page.
 *
 * @extends {PixstoreError<"shape" | "id" | "token" | "key" | "sealed" | "iv" | "tag" | "proof">}
 */
export class RecordError extends PixstoreError {
  static {
    this.prototype.name = "RecordError";
  }
}

/**
 * The request failed: no network (`cause`), no progress within the time limit, or an HTTP status outside 2xx
 * (`status`).
 *
 * @extends {PixstoreError<never>}
 */
export class FetchError extends PixstoreError {
  static {
    this.prototype.name = "FetchError";
  }
}

/**
 * There is no image with this id, or it was deleted.
 *
 * @extends {PixstoreError<"NotFound">}
 */
export class NotFoundError extends PixstoreError {
  static {
    this.prototype.name = "NotFoundError";
  }
}

/**
 * The server refused the request: by a wire state, or by HTTP status 401 or 403. The `reason` is then "authorize".
 *
 * @extends {PixstoreError<"MissingID" | "MissingProof" | "InvalidProof" | "authorize">}
 */
export class RefusedError extends PixstoreError {
  static {
    this.prototype.name = "RefusedError";
  }
}

/**
 * The server failed, by the wire state InternalError.
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
 * A response is no wire payload.
 *
 * @extends {PixstoreError<WireReason>}
 */
export class WireError extends PixstoreError {
  static {
    this.prototype.name = "WireError";
  }
}

/**
 * An image cannot be decrypted. `reason` is "tag" (damaged, or encrypted with another key), "format-byte" (the client
 * does not know the format) or "no-image" (only a format byte).
 *
 * @extends {PixstoreError<"tag" | "format-byte" | "no-image">}
 */
export class DecryptError extends PixstoreError {
  static {
    this.prototype.name = "DecryptError";
  }
}

/**
 * The browser's storage failed, with its own error as `cause`. `reason` is "unavailable" (the page has no usable
 * IndexedDB) or "failed" (an operation on IndexedDB failed).
 *
 * @extends {PixstoreError<"unavailable" | "failed">}
 */
export class CacheError extends PixstoreError {
  static {
    this.prototype.name = "CacheError";
  }
}

/** @type {Record<string, string>} */
const ADVICE = {
  NotFound: "there is no such image (any more)",
  MissingID: "a proxy must pass the whole path on",
  MissingProof: "a proxy must pass the header x-pixstore-proof on",
  InvalidProof: "the proof has expired or is of another image; set `recordsUrl` or `refreshRecord`",
  InternalError: "the server failed; its log has the reason",
};

/**
 * Make the error of a wire state without an image.
 *
 * @param {number} state  2 to 6
 */
export function stateError(state) {
  const reason = String(Object.keys(WireState)[state]);
  const Kind = { NotFound: NotFoundError, InternalError: ServerError }[reason] ?? RefusedError;
  return new Kind(`${reason}: ${ADVICE[reason]}`, { state, reason });
}

/** @type {Record<number, string>} */
const STATUS_ADVICE = {
  0: "redirects are not followed; check `endpoint`",
  404: "there is no such endpoint; check `endpoint` or `recordsUrl`",
};

/**
 * Make the error of an HTTP status outside 2xx.
 *
 * @param {number} status
 * @param {string | null} [retryAfter]  the header Retry-After: seconds or an HTTP date
 */
export function statusError(status, retryAfter) {
  if (status === 401 || status === 403) {
    return new RefusedError(`HTTP status ${status}: the application refused`, { status, reason: "authorize" });
  }
  const seconds = Number(retryAfter);
  const ms = Number.isNaN(seconds) ? Date.parse(retryAfter ?? "") - Date.now() : 1000 * seconds;
  return new FetchError(`HTTP status ${status}: ${STATUS_ADVICE[status] ?? "the server or a proxy has the reason"}`, {
    status,
    retryAfterMs: ms > 0 ? ms : undefined,
  });
}

/**
 * Whether the same request may succeed later.
 *
 * @param {unknown} error
 */
export function mayPass(error) {
  if (!(error instanceof FetchError)) return error instanceof ServerError;
  const { status = 500 } = error;
  return (status >= 500 && status !== 501) || [408, 425, 429].includes(status);
}
