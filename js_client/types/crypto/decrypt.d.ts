/** Image bytes: plaintext = one format byte ‖ the image. */
import type { ImageKey } from "./gcm.js";
/** @import { ImageKey } from "./gcm.js" */
/**
 * Decrypt one whole image.
 *
 * @param {ImageKey} meta
 * @param {Uint8Array<ArrayBuffer>} sealed  ciphertext ‖ tag
 * @returns {Promise<Uint8Array<ArrayBuffer>>}  the plaintext
 * @throws {DecryptError} with reason tag
 * @throws {PixstoreError} where the page has no WebCrypto
 */
export declare function decrypt(meta: ImageKey, sealed: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>>;
/**
 * The image in a plaintext.
 *
 * @param {Uint8Array<ArrayBuffer>} plaintext
 * @returns {Blob}
 * @throws {DecryptError} with reason format-byte or no-image
 */
export declare function imageIn(plaintext: Uint8Array<ArrayBuffer>): Blob;
/**
 * The image in a sealed Blob.
 *
 * @param {Blob} sealed  ciphertext ‖ tag
 * @param {ImageKey} key
 * @throws {DecryptError} also where the browser can't read the Blob any more
 */
export declare function decryptBlob(sealed: Blob, key: ImageKey): Promise<Blob>;
/**
 * The image in a plaintext that lies in the browser's storage; no byte of it is read.
 *
 * @param {Blob} plaintext
 * @throws {DecryptError} also where the browser can't read the Blob any more
 */
export declare function imageInBlob(plaintext: Blob): Promise<Blob>;
