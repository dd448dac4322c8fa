/**
 * The wire payload: one state byte, and for an image the ciphertext, with the new token, key, iv and tag if it was
 * updated.
 *
 *     Success   00 ‖ ciphertext
 *     Updated   01 ‖ token u64 little-endian ‖ key 32 ‖ iv 12 ‖ tag 16 ‖ ciphertext
 *     others    one byte
 */

import { WireError, WireState } from "../errors.js";
import { isToken } from "./ids.js";
import { IV_BYTES, KEY_BYTES, TAG_BYTES } from "./records.js";

/**
 * @typedef {{state: 0, ciphertext: Uint8Array<ArrayBuffer>}} SuccessPayload
 */

/**
 * @typedef {object} UpdatedPayload
 * @property {1} state
 * @property {number} token  the version's token, 1 to 2**53 - 1
 * @property {Uint8Array<ArrayBuffer>} key  32 bytes
 * @property {Uint8Array<ArrayBuffer>} iv  12 bytes
 * @property {Uint8Array<ArrayBuffer>} tag  16 bytes
 * @property {Uint8Array<ArrayBuffer>} ciphertext
 */

/** @typedef {{state: 2 | 3 | 4 | 5 | 6}} RefusalPayload */

/** @typedef {SuccessPayload | UpdatedPayload | RefusalPayload} WirePayload */

const TOKEN_AT = 1;
const KEY_AT = 9;
const IV_AT = KEY_AT + KEY_BYTES;
const TAG_AT = IV_AT + IV_BYTES;
const UPDATED_HEAD_BYTES = TAG_AT + TAG_BYTES;

/**
 * Decode one whole wire payload.
 *
 * The parts are views of `bytes`, not copies. The ciphertext is not verified here: decryption checks its tag.
 *
 * @param {Uint8Array} bytes  the body of a response; never shared memory
 * @returns {WirePayload}
 * @throws {WireError} if the bytes are no payload; its `reason` names the failure
 */
export function decodePayload(bytes) {
  const body = /** @type {Uint8Array<ArrayBuffer>} */ (bytes);
  const state = body[0];
  if (state === undefined) throw failure("the body is empty", "empty");
  if (state === WireState.Success) return { state, ciphertext: ciphertextFrom(body, 1) };
  if (state === WireState.Updated) return decodeUpdated(body);
  if (!isRefusal(state)) {
    throw failure(`${state} is no wire state: this is no image endpoint`, "unknown-state");
  }
  if (body.length > 1) {
    throw failure("bytes follow a refusal", "trailing-bytes");
  }
  return { state };
}

/**
 * @param {number} state  above 1
 * @returns {state is RefusalPayload["state"]}
 */
const isRefusal = (state) => state <= WireState.InternalError;

/**
 * @param {Uint8Array<ArrayBuffer>} body
 * @returns {UpdatedPayload}
 */
function decodeUpdated(body) {
  if (body.length < UPDATED_HEAD_BYTES) {
    throw failure("the payload ends before its image", "truncated");
  }
  return {
    state: WireState.Updated,
    token: tokenOf(body),
    key: body.subarray(KEY_AT, IV_AT),
    iv: body.subarray(IV_AT, TAG_AT),
    tag: body.subarray(TAG_AT, UPDATED_HEAD_BYTES),
    ciphertext: ciphertextFrom(body, UPDATED_HEAD_BYTES),
  };
}

/** @param {Uint8Array} body */
function tokenOf(body) {
  // A token above 2**53 - 1 becomes an unsafe integer, which isToken refuses.
  const token = Number(new DataView(body.buffer, body.byteOffset).getBigUint64(TOKEN_AT, true));
  if (!isToken(token)) throw failure("the token must be an integer from 1 to 2**53 - 1", "token-range");
  return token;
}

/**
 * @param {Uint8Array<ArrayBuffer>} body
 * @param {number} start
 */
function ciphertextFrom(body, start) {
  // An image's plaintext has at least its format byte, so its ciphertext is never empty.
  if (body.length === start) throw failure("the payload ends before its image", "no-ciphertext");
  return body.subarray(start);
}

/**
 * @param {string} message
 * @param {string} reason
 */
const failure = (message, reason) => new WireError(message, { reason });
