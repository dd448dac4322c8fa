/** AES-256-GCM over image bytes (NIST SP 800-38D): plaintext = one format byte ‖ the image, no additional data. */

import { DecryptError, PixstoreError } from "./errors.js";
import { mimeType } from "./formats.js";

/** @typedef {{key: Uint8Array<ArrayBuffer>, iv: Uint8Array<ArrayBuffer>}} ImageKey  AES-256 key of 32 bytes, nonce of 12 */

/**
 * Decrypt one whole image; nothing is returned before the tag is checked.
 *
 * @param {ImageKey} meta
 * @param {Uint8Array<ArrayBuffer>} sealed  ciphertext ‖ tag
 * @returns {Promise<Uint8Array<ArrayBuffer>>}  the plaintext
 * @throws {DecryptError} with reason tag
 * @throws {PixstoreError} where the page has no WebCrypto
 */
export async function decrypt({ key, iv }, sealed) {
  const subtle = /** @type {Partial<Crypto> | undefined} */ (globalThis.crypto)?.subtle;
  if (!subtle) throw new PixstoreError("this page has no WebCrypto: browsers offer it on HTTPS and on localhost only");
  const cryptoKey = await subtle.importKey("raw", key, "AES-GCM", false, ["decrypt"]);
  try {
    return new Uint8Array(await subtle.decrypt({ name: "AES-GCM", iv }, cryptoKey, sealed));
  } catch (error) {
    if (Object(error).name !== "OperationError") throw error;
    throw new DecryptError("the image fails authentication: damaged, or encrypted under another key", {
      reason: "tag",
    });
  }
}

/**
 * The image in a plaintext.
 *
 * @param {Uint8Array<ArrayBuffer>} plaintext
 * @returns {Blob}
 * @throws {DecryptError} with reason format-byte or no-image
 */
export function imageIn(plaintext) {
  const type = typeOf(plaintext[0]);
  if (plaintext.length === 1) throw new DecryptError("the image has no bytes", { reason: "no-image" });
  return new Blob([plaintext.subarray(1)], { type });
}

/**
 * The image in a sealed Blob.
 *
 * @param {Blob} sealed  ciphertext ‖ tag
 * @param {ImageKey} key
 * @throws {DecryptError} also where the browser can't read the Blob any more
 */
export async function decryptBlob(sealed, key) {
  const bytes = await sealed.arrayBuffer().catch((cause) => {
    throw new DecryptError("the stored image can't be read", { reason: "tag", cause });
  });
  return imageIn(await decrypt(key, new Uint8Array(bytes)));
}

/**
 * The image in a plaintext that lies in the browser's storage; no byte of it is read.
 *
 * @param {Blob} plaintext
 */
export async function imageInBlob(plaintext) {
  const [formatByte] = new Uint8Array(await plaintext.slice(0, 1).arrayBuffer());
  return plaintext.slice(1, plaintext.size, typeOf(formatByte));
}

/** @param {number | undefined} formatByte */
function typeOf(formatByte) {
  const type = mimeType(formatByte);
  if (type) return type;
  throw new DecryptError("the image is of a format that this client doesn't know", { reason: "format-byte" });
}
