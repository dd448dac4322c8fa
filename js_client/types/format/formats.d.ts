/**
 * MIME type of a format byte; undefined for a byte that is no format.
 *
 * @param {number | undefined} formatByte
 * @returns {string | undefined}
 */
export declare const mimeType: (formatByte?: number | undefined) => string | undefined;
