/** How images fail: the errors that the real client rejects with. */

import { DecryptError, FetchError, stateError, statusError } from "../errors.js";
import { WireState } from "../states.js";

/** @typedef {keyof typeof FAILURES} Failure */

const FAILURES = {
  /** The image was deleted. */
  gone: () => stateError(WireState.NotFound),
  /** The proof has expired, or is of another audience; also where a fresh record is no better. */
  expired: () => stateError(WireState.InvalidProof),
  /** The user is not signed in. */
  "signed-out": () => statusError(401),
  /** The user may not see this image. */
  forbidden: () => statusError(403),
  /** The server failed. */
  server: () => stateError(WireState.InternalError),
  /** The server is overloaded, or away behind a proxy. */
  busy: () => statusError(503),
  /** There is no network. */
  offline: () => new FetchError("the application can't be reached", { cause: new TypeError("Failed to fetch") }),
  /** The bytes are other ones than the server sent. */
  damaged: () => new DecryptError("the image fails authentication: damaged, or of another key", { reason: "tag" }),
};

/**
 * A new error of this kind.
 *
 * @param {Failure} failure
 */
export const failureOf = (failure) => FAILURES[failure]();
