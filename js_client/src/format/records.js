/** The image record: what an application's API hands to its page, so that the page may read one image. */

import { RecordError } from "../errors.js";
import { decodeBase64 } from "./base64.js";
import { isImageId, isToken } from "./ids.js";
import { IV_BYTES, KEY_BYTES, TAG_BYTES } from "./sizes.js";

/**
 * An image record as it arrives in JSON. Unknown further fields are ignored.
 *
 * @typedef {object} ImageRecord
 * @property {string} id  `name` or `directory:name`, of a variant with `~` and the variant's name behind it
 * @property {number} token  the version, 1 to 2**53 - 1
 * @property {{key: string, iv: string, tag: string}} meta  padded standard base64 of 32, 12 and 16 bytes
 * @property {string} statelessProof  opaque; sent along with the request
 * @property {number | undefined} [proofExpiresAt]  epoch milliseconds
 * @property {string | undefined} [ciphertextUrl]  where a copy of the ciphertext is, absolute or relative to the page
 * @property {number | undefined} [width]  of the picture, in pixels
 * @property {number | undefined} [height]
 * @property {string | undefined} [placeholder]  padded standard base64 of a ThumbHash, for what to show meanwhile
 * @property {Record<string, ImageRecord> | undefined} [variants]  by their names: each is an image of its own
 */

/**
 * What it takes to decrypt one version of an image: an AES-256 key of 32 bytes, a nonce of 12, a tag of 16.
 *
 * @typedef {{key: Uint8Array<ArrayBuffer>, iv: Uint8Array<ArrayBuffer>, tag: Uint8Array<ArrayBuffer>}} ImageMeta
 */

/**
 * @typedef {ImageMeta & {id: string, token: number, proof: string, expiresAt: number, copy: string}} ParsedRecord  `copy`
 *   is an absolute URL, or empty
 */

/**
 * Check a record and decode its parts.
 *
 * @param {unknown} value
 * @returns {ParsedRecord}
 * @throws {RecordError} whose `reason` names the part that is wrong
 */
export function parseRecord(value) {
  const { id, token, meta, statelessProof, proofExpiresAt, ciphertextUrl } = Object(value);
  if (Object(meta) !== meta) {
    throw new RecordError("this is no image record: it has no meta", {
      reason: "shape",
    });
  }
  check(isImageId(id), "id", "`[directory:]name[~variant]`");
  check(isToken(token), "token", "an integer from 1 to 2**53 - 1");
  check(
    typeof statelessProof === "string" && /^[!-~]{1,512}$/.test(statelessProof),
    "proof",
    "1 to 512 printable characters",
  );
  return {
    id,
    token,
    key: decoded(meta.key, "key", KEY_BYTES),
    iv: decoded(meta.iv, "iv", IV_BYTES),
    tag: decoded(meta.tag, "tag", TAG_BYTES),
    proof: statelessProof,
    expiresAt: proofExpiresAt ?? Infinity,
    copy: webUrl(ciphertextUrl),
  };
}

/**
 * A URL that is only http or https, made absolute; empty for anything else.
 *
 * @param {any} url
 */
function webUrl(url) {
  try {
    const { href, protocol } = new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href);
    if (url && /^https?:$/.test(protocol)) return href;
  } catch {
    // What is no URL is no copy.
  }
  return "";
}

/**
 * @param {boolean} isRight
 * @param {string} reason
 * @param {string} wanted
 */
function check(isRight, reason, wanted) {
  if (!isRight) throw new RecordError(`the record's ${reason} must be ${wanted}`, { reason });
}

/**
 * @param {unknown} text
 * @param {string} name
 * @param {number} size
 */
function decoded(text, name, size) {
  const bytes = decodeBase64(text, size);
  check(Boolean(bytes), name, `the padded standard base64 of ${size} bytes`);
  return /** @type {Uint8Array<ArrayBuffer>} */ (bytes);
}
