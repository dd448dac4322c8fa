/** From a record to a verified image over the network. */

import { decrypt } from "./decrypt.js";
import { FetchError, StateError } from "./errors.js";
import { WireState } from "./states.js";
import { decodePayload } from "./wire.js";

/** @import { Image } from "./decrypt.js" */
/** @import { ImageFetcher } from "./fetcher.js" */
/** @import { ImageMeta, ImageRecord, ParsedRecord } from "./records.js" */
/** @import { WirePayload } from "./wire.js" */

/**
 * One version of an image as it arrived.
 *
 * @typedef {ImageMeta & {token: number, ciphertext: Uint8Array<ArrayBuffer>}} Version
 */

/**
 * Fetch, decode and decrypt.
 *
 * @param {ImageFetcher} fetchPayload
 * @param {ImageRecord} record  the caller's own object: a fetcher may use fields of it that this client doesn't know
 * @param {ParsedRecord} parsed
 * @param {unknown} context
 * @returns {Promise<{token: number, ciphertext: Uint8Array<ArrayBuffer>, image: Image}>}
 * @throws {FetchError | WireError | StateError | DecryptError}
 */
export async function download(fetchPayload, record, parsed, context) {
  const body = asBytes(await fetchPayload(record, context));
  const version = versionIn(decodePayload(body), parsed);
  const image = await decrypt(version, version.ciphertext);
  return { token: version.token, ciphertext: version.ciphertext, image };
}

/**
 * @param {unknown} body
 * @returns {Uint8Array<ArrayBuffer>}
 */
function asBytes(body) {
  // By its tag: an array from another frame is no instance of this frame's Uint8Array.
  if (Object.prototype.toString.call(body) === "[object Uint8Array]") return /** @type {any} */ (body);
  throw new FetchError("the fetcher must resolve to a Uint8Array of the whole response body");
}

/**
 * @param {WirePayload} payload
 * @param {ParsedRecord} parsed
 * @returns {Version}
 */
function versionIn(payload, parsed) {
  if (payload.state === WireState.Success) return { ...parsed, ciphertext: payload.ciphertext };
  if (payload.state === WireState.Updated) return payload;
  throw new StateError(payload.state);
}
