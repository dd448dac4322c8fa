/** AES-256-GCM over image bytes (NIST SP 800-38D): plaintext = one format byte ‖ the image, no additional data. */

import { DecryptError, PixstoreError } from "./errors.js";
import { mimeType } from "./formats.js";

/** @import { ImageMeta } from "./records.js" */

/**
 * A readable image. `plaintext` is `formatByte` and `bytes` together; `bytes` is a view of it, not a copy.
 *
 * @typedef {object} Image
 * @property {number} formatByte
 * @property {string} type  MIME type
 * @property {Uint8Array<ArrayBuffer>} bytes
 * @property {Uint8Array<ArrayBuffer>} plaintext
 */

/**
 * Decrypt one whole image; nothing is returned before the tag is checked.
 *
 * @param {ImageMeta} meta
 * @param {Uint8Array} ciphertext
 * @returns {Promise<Image>}
 * @throws {DecryptError} with reason tag, format-byte or no-image
 * @throws {PixstoreError} where the page has no WebCrypto
 */
export async function decrypt({ key, iv, tag }, ciphertext) {
  const subtle = webCrypto();
  const cryptoKey = await subtle.importKey("raw", key, "AES-GCM", false, ["decrypt"]);
  const sealed = new Uint8Array(ciphertext.length + tag.length);
  sealed.set(ciphertext);
  sealed.set(tag, ciphertext.length);
  try {
    return readPlaintext(new Uint8Array(await subtle.decrypt({ name: "AES-GCM", iv }, cryptoKey, sealed)));
  } catch (error) {
    if (!isTagFailure(error)) throw error;
    throw new DecryptError("the image fails authentication: damaged, or encrypted under another key", "tag");
  }
}

/**
 * Split a decrypted image into its format and its bytes.
 *
 * @param {Uint8Array<ArrayBuffer>} plaintext
 * @returns {Image}
 * @throws {DecryptError} with reason format-byte or no-image
 */
export function readPlaintext(plaintext) {
  const formatByte = plaintext[0];
  const type = mimeType(formatByte);
  if (formatByte === undefined || type === undefined) {
    throw new DecryptError("the image is of a format that this client doesn't know", "format-byte");
  }
  if (plaintext.length === 1) throw new DecryptError("the image has no bytes", "no-image");
  return { formatByte, type, bytes: plaintext.subarray(1), plaintext };
}

/** @returns {SubtleCrypto} */
function webCrypto() {
  const subtle = /** @type {Partial<Crypto> | undefined} */ (globalThis.crypto)?.subtle;
  if (subtle) return subtle;
  throw new PixstoreError("this page has no WebCrypto: browsers offer it on HTTPS and on localhost only");
}

/** @param {unknown} error */
const isTagFailure = (error) => Object(error).name === "OperationError";
