/** AES-256-GCM by WebCrypto (NIST SP 800-38D), no additional data. */

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
export async function decryptGcm({ key, iv }, sealed) {
  const { subtle } = crypto;
  const given = await key;
  const handle = "type" in given ? given : await subtle.importKey("raw", given, "AES-GCM", false, ["decrypt"]);
  return new Uint8Array(await subtle.decrypt({ name: "AES-GCM", iv }, handle, sealed));
}
