/** By format byte, from 1, the first byte of every decrypted image. 3 and 4 are JPEG: npm's server writes 3, ours 4. */
const SUBTYPES = [undefined, "png", "webp", "jpeg", "jpeg", "gif", "avif"];

/**
 * MIME type of a format byte; undefined for a byte that is no format.
 *
 * @param {number | undefined} formatByte
 * @returns {string | undefined}
 */
export const mimeType = (formatByte = 0) => SUBTYPES[formatByte] && `image/${SUBTYPES[formatByte]}`;
