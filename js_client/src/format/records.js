/** The image record, which an application's API hands to its page so that the page may read one image. */

import { RecordError } from "../errors.js";
import { isImageId, isToken } from "./ids.js";

/**
 * An image record, as it arrives in JSON. Unknown further fields are ignored.
 *
 * @typedef {object} ImageRecord
 * @property {string} id  `name` or `directory:name`; a variant's id ends in `~` and the variant's name
 * @property {number} token  the version, 1 to 2**53 - 1
 * @property {{key?: string | undefined, sealed?: string | undefined, iv: string, tag: string}} meta  padded standard base64 of 32, 125, 12 and 16
 *   bytes; a sealed record has `sealed` in place of `key`
 * @property {string} statelessProof  opaque; it is sent with each request
 * @property {number | undefined} [proofExpiresAt]  epoch milliseconds
 * @property {string | undefined} [ciphertextUrl]  URL of a copy of the ciphertext, absolute or relative to the page
 * @property {number | undefined} [width]  of the picture, in pixels
 * @property {number | undefined} [height]  of the picture, in pixels
 * @property {string | undefined} [placeholder]  padded standard base64 of a ThumbHash, shown while the picture loads
 * @property {Record<string, ImageRecord> | undefined} [variants]  by name; each variant is an image of its own
 */

/**
 * The input of decryption: an AES-256 key of 32 bytes, or a handle of it; a nonce of 12 bytes, a tag of 16 bytes.
 *
 * @typedef {object} ImageMeta
 * @property {Uint8Array<ArrayBuffer> | Promise<CryptoKey>} key  until `opened` of crypto/recipient.js, a sealed key is
 *   125 bytes
 * @property {Uint8Array<ArrayBuffer>} iv
 * @property {Uint8Array<ArrayBuffer>} tag
 */

/**
 * @typedef {ImageMeta & {id: string, token: number, proof: string, expiresAt: number, copy: string, kept?: object | undefined}} ParsedRecord
 *   `expiresAt` in epoch milliseconds, `copy` an absolute URL or empty; `kept`: see stored/offline.js
 */

/** Lengths in bytes of an AES-256 key, a sealed key, a GCM nonce and a GCM tag. */
export const KEY_BYTES = 32;
const SEALED_BYTES = 125;
export const IV_BYTES = 12;
export const TAG_BYTES = 16;

/**
 * Check a record and decode its parts.
 *
 * @param {unknown} value
 * @returns {ParsedRecord}
 * @throws {RecordError} if a part is wrong; its `reason` names the part
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
    key: "sealed" in meta ? decoded(meta.sealed, "sealed", SEALED_BYTES) : decoded(meta.key, "key", KEY_BYTES),
    iv: decoded(meta.iv, "iv", IV_BYTES),
    tag: decoded(meta.tag, "tag", TAG_BYTES),
    proof: statelessProof,
    expiresAt: proofExpiresAt ?? Infinity,
    copy: webUrl(ciphertextUrl),
  };
}

/** The URL that relative URLs belong to; undefined outside of a browser. */
export const baseUrl = () => globalThis.document?.baseURI ?? globalThis.location?.href;

/**
 * Make an http or https URL absolute. Anything else gives an empty string.
 *
 * @param {any} url
 */
function webUrl(url) {
  // A failing `new URL` takes long, and most records name no copy.
  if (!url) return "";
  try {
    const { href, protocol } = new URL(url, baseUrl());
    if (/^https?:$/.test(protocol)) return href;
  } catch {
    // An invalid URL names no copy.
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
 * Decode standard base64 (RFC 4648, section 4) of exactly `size` bytes. Only the canonical spelling with padding is
 * accepted, so that one value has one spelling: no white space, no URL alphabet, no unused bits that are set.
 *
 * @param {any} text
 * @param {string} name
 * @param {number} size  in bytes
 */
function decoded(text, name, size) {
  const binary = decodedLeniently(text);
  check(binary.length === size && btoa(binary) === text, name, `the padded standard base64 of ${size} bytes`);
  // `Uint8Array.from` takes several times as long, and a page may open with a thousand records.
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += 1) bytes[at] = binary.charCodeAt(at);
  return bytes;
}

/** @param {any} text */
function decodedLeniently(text) {
  try {
    return atob(text);
  } catch {
    return "";
  }
}
