/** The format byte, first byte of every decrypted image. 3 and 4 are both JPEG: npm's server writes 3, ours 4. */
const MIME_TYPES = new Map([
  [1, "image/png"],
  [2, "image/webp"],
  [3, "image/jpeg"],
  [4, "image/jpeg"],
  [5, "image/gif"],
  [6, "image/avif"],
]);

/**
 * MIME type of a format byte; undefined for a byte that is no format.
 *
 * @param {number | undefined} formatByte
 * @returns {string | undefined}
 */
export const mimeType = (formatByte) => (formatByte === undefined ? undefined : MIME_TYPES.get(formatByte));
