/** Decrypts images: plaintext = one format byte ‖ the image. */
import type { ImageKey } from "./gcm.js";
/** @import { ImageKey } from "./gcm.js" */
/**
 * Decrypt one whole image.
 *
 * @param {ImageKey} meta
 * @param {Uint8Array<ArrayBuffer>} sealed  ciphertext ‖ tag
 * @returns {Promise<Uint8Array<ArrayBuffer>>}  the plaintext
 * @throws {DecryptError} with reason tag
 * @throws {PixstoreError} if the page has no WebCrypto
 */
export declare function decrypt(meta: ImageKey, sealed: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>>;
/**
 * Return the image of a plaintext.
 *
 * @param {Uint8Array<ArrayBuffer>} plaintext
 * @returns {Blob}
 * @throws {DecryptError} with reason format-byte or no-image
 */
export declare function imageIn(plaintext: Uint8Array<ArrayBuffer>): Blob;
/**
 * Decrypt the image in a stored Blob.
 *
 * @param {Blob} sealed  ciphertext ‖ tag
 * @param {ImageKey} key
 * @throws {DecryptError} also if the browser can no longer read the Blob
 */
export declare function decryptBlob(sealed: Blob, key: ImageKey): Promise<Blob>;
/**
 * Return the image of a stored plaintext as a slice, without reading its bytes.
 *
 * @param {Blob} plaintext
 * @throws {DecryptError} also if the browser can no longer read the Blob
 */
export declare function imageInBlob(plaintext: Blob): Promise<Blob>;
