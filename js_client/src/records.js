/** The image record: what an application's API hands to its page, so that the page may read one image. */

import { decodeBase64 } from "./base64.js";
import { RecordError } from "./errors.js";

/**
 * An image record as it arrives in JSON. Unknown further fields are ignored.
 *
 * @typedef {object} ImageRecord
 * @property {string} id  `name` or `directory:name`
 * @property {number} token  the version, 1 to 2**53 - 1
 * @property {{key: string, iv: string, tag: string}} meta  padded standard base64 of 32, 12 and 16 bytes
 * @property {string} statelessProof  opaque; sent along with the request
 */

/**
 * What it takes to decrypt one version of an image: an AES-256 key of 32 bytes, a nonce of 12, a tag of 16.
 *
 * @typedef {{key: Uint8Array<ArrayBuffer>, iv: Uint8Array<ArrayBuffer>, tag: Uint8Array<ArrayBuffer>}} ImageMeta
 */

/** @typedef {ImageMeta & {id: string, token: number, proof: string}} ParsedRecord */

const IMAGE_ID = /^[A-Za-z0-9_-]{1,64}(:[A-Za-z0-9_-]{1,128})?$/;
const PROOF = /^[!-~]{1,512}$/;

/**
 * Check a record and decode its parts.
 *
 * @param {unknown} value
 * @returns {ParsedRecord}
 * @throws {RecordError} whose `reason` names the part that is wrong
 */
export function parseRecord(value) {
  const record = asObject(value);
  const meta = asObject(record["meta"]);
  return {
    id: checkedId(record["id"]),
    token: checkedToken(record["token"]),
    key: decodedPart(meta, "key", 32),
    iv: decodedPart(meta, "iv", 12),
    tag: decodedPart(meta, "tag", 16),
    proof: checkedProof(record["statelessProof"]),
  };
}

/**
 * @param {unknown} value
 * @returns {Record<string, unknown>}
 */
function asObject(value) {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    const advice = "pass the record itself (not a response, a promise, or an object around it)";
    throw new RecordError(
      `this is no image record, an object with id, token, meta and statelessProof: ${advice}`,
      "shape",
    );
  }
  return /** @type {Record<string, unknown>} */ (value);
}

/** @param {unknown} value */
function checkedId(value) {
  if (typeof value === "string" && IMAGE_ID.test(value)) return value;
  throw new RecordError("id must be `name` or `directory:name` of letters, digits, `_` and `-`", "id");
}

/** @param {unknown} value */
function checkedToken(value) {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 1) return value;
  throw new RecordError("token must be an integer from 1 to 2**53 - 1", "token");
}

/**
 * @param {Record<string, unknown>} meta
 * @param {"key" | "iv" | "tag"} name
 * @param {number} size
 */
function decodedPart(meta, name, size) {
  const bytes = decodeBase64(meta[name], size);
  if (bytes) return bytes;
  throw new RecordError(`meta.${name} must be the padded standard base64 of ${size} bytes`, name);
}

/** @param {unknown} value */
function checkedProof(value) {
  if (typeof value === "string" && PROOF.test(value)) return value;
  throw new RecordError("statelessProof must be 1 to 512 printable characters without spaces", "proof");
}
