/** Image formats by format byte, the first byte of every plaintext. JPEG has two: npm's server writes 3, ours 4. */
const SUBTYPES = [undefined, "png", "webp", "jpeg", "jpeg", "gif", "avif"];

/**
 * Return the MIME type of a format byte, or undefined for an unknown one.
 *
 * @param {number | undefined} formatByte
 * @returns {string | undefined}
 */
export const mimeType = (formatByte = 0) => SUBTYPES[formatByte] && `image/${SUBTYPES[formatByte]}`;
