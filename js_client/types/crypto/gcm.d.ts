/** AES-256-GCM by WebCrypto (NIST SP 800-38D), no additional data. */
export type ImageKey = {
    key: Uint8Array<ArrayBuffer>;
    iv: Uint8Array<ArrayBuffer>;
};
/** @typedef {{key: Uint8Array<ArrayBuffer>, iv: Uint8Array<ArrayBuffer>}} ImageKey  AES-256 key of 32 bytes, nonce of 12 */
/**
 * Decrypt. Nothing is returned before the tag is checked. Rejects with WebCrypto's own errors.
 *
 * @param {ImageKey} meta
 * @param {BufferSource} sealed  ciphertext ‖ tag
 * @returns {Promise<Uint8Array<ArrayBuffer>>}  the plaintext
 */
export declare function decryptGcm({ key, iv }: ImageKey, sealed: BufferSource): Promise<Uint8Array<ArrayBuffer>>;
