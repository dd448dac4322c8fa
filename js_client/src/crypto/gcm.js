/** AES-256-GCM by WebCrypto (NIST SP 800-38D), no additional data. */

/** @typedef {{key: Uint8Array<ArrayBuffer>, iv: Uint8Array<ArrayBuffer>}} ImageKey  AES-256 key of 32 bytes, nonce of 12 */

/**
 * Decrypt. Nothing is returned before the tag is checked. Rejects with WebCrypto's own errors.
 *
 * @param {ImageKey} meta
 * @param {BufferSource} sealed  ciphertext ‖ tag
 * @returns {Promise<Uint8Array<ArrayBuffer>>}  the plaintext
 */
export async function decryptGcm({ key, iv }, sealed) {
  const { subtle } = crypto;
  const cryptoKey = await subtle.importKey("raw", key, "AES-GCM", false, ["decrypt"]);
  return new Uint8Array(await subtle.decrypt({ name: "AES-GCM", iv }, cryptoKey, sealed));
}
