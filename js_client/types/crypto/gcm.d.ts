/** AES-256-GCM by WebCrypto (NIST SP 800-38D), no additional data. */
export type ImageKey = {
    key: Uint8Array<ArrayBuffer> | CryptoKey | Promise<CryptoKey>;
    iv: Uint8Array<ArrayBuffer>;
};
/**
 * An AES-256 key of 32 bytes or a handle of it, and a nonce of 12 bytes.
 *
 * @typedef {{key: Uint8Array<ArrayBuffer> | CryptoKey | Promise<CryptoKey>, iv: Uint8Array<ArrayBuffer>}} ImageKey
 */
/**
 * Decrypt. Nothing is returned before the tag is checked. Rejects with WebCrypto's own errors.
 *
 * @param {ImageKey} meta
 * @param {BufferSource} sealed  ciphertext ‖ tag
 * @returns {Promise<Uint8Array<ArrayBuffer>>}  the plaintext
 */
export declare function decryptGcm({ key, iv }: ImageKey, sealed: BufferSource): Promise<Uint8Array<ArrayBuffer>>;
