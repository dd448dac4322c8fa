/**
 * Return the MIME type of a format byte, or undefined for an unknown one.
 *
 * @param {number | undefined} formatByte
 * @returns {string | undefined}
 */
export declare const mimeType: (formatByte?: number | undefined) => string | undefined;
