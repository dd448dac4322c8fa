/** Decrypts images: plaintext = one format byte ‖ the image. */

import { DecryptError, PixstoreError } from "../errors.js";
import { mimeType } from "../format/formats.js";
import { decryptGcm } from "./gcm.js";

/** @import { ImageKey } from "./gcm.js" */

/**
 * Decrypt one whole image.
 *
 * @param {ImageKey} meta
 * @param {Uint8Array<ArrayBuffer>} sealed  ciphertext ‖ tag
 * @returns {Promise<Uint8Array<ArrayBuffer>>}  the plaintext
 * @throws {DecryptError} with reason tag
 * @throws {RecordError} if the record is sealed to another page
 * @throws {PixstoreError} if the page has no WebCrypto
 */
export async function decrypt(meta, sealed) {
  subtle();
  try {
    return await decryptGcm(meta, sealed);
  } catch (error) {
    if (Object(error).name !== "OperationError") throw error;
    throw new DecryptError("the image fails authentication: damaged, or of another key", {
      reason: "tag",
    });
  }
}

/** @throws {PixstoreError} if the page has no WebCrypto */
export function subtle() {
  if (globalThis.crypto?.subtle) return crypto.subtle;
  throw new PixstoreError("this page has no WebCrypto: use HTTPS or localhost");
}

/**
 * Return the image of a plaintext.
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
 * Decrypt the image in a stored Blob.
 *
 * @param {Blob} sealed  ciphertext ‖ tag
 * @param {ImageKey} key
 * @throws {DecryptError} also if the browser can no longer read the Blob
 */
export async function decryptBlob(sealed, key) {
  return imageIn(await decrypt(key, await bytesOf(sealed)));
}

/**
 * Return the image of a stored plaintext as a slice, without reading its bytes.
 *
 * @param {Blob} plaintext
 * @throws {DecryptError} also if the browser can no longer read the Blob
 */
export async function imageInBlob(plaintext) {
  const [formatByte] = await bytesOf(plaintext.slice(0, 1));
  return plaintext.slice(1, plaintext.size, typeOf(formatByte));
}

/** @param {Blob} stored */
async function bytesOf(stored) {
  const buffer = await stored.arrayBuffer().catch((cause) => {
    throw new DecryptError("the stored image can't be read", { reason: "tag", cause });
  });
  return new Uint8Array(buffer);
}

/** @param {number | undefined} formatByte */
function typeOf(formatByte) {
  const type = mimeType(formatByte);
  if (type) return type;
  throw new DecryptError("the image has an unknown format", { reason: "format-byte" });
}
