/**
 * Decodes the placeholder of a picture into pixels or a URL. It is a ThumbHash of up to 25 bytes (format by Evan
 * Wallace, https://evanw.github.io/thumbhash/): a few terms of a cosine transform for luminance, two colour differences
 * and alpha.
 */
export type Pixels = {
    width: number;
    height: number;
    rgba: Uint8ClampedArray<ArrayBuffer>;
};
/** @typedef {{width: number, height: number, rgba: Uint8ClampedArray<ArrayBuffer>}} Pixels */
/**
 * Decode a placeholder into a small picture.
 *
 * @param {string} placeholder  a record's, in base64
 * @param {number} ratio  the picture's width divided by its height
 * @returns {Pixels}  at most 16 pixels wide and high
 */
export declare function pixelsOf(placeholder: string, ratio: number): Pixels;
/**
 * @param {string} placeholder  a record's, in base64
 * @param {number} width  in pixels
 * @param {number} height  in pixels
 * @returns {number[]}  RGBA, not rounded or clamped; transparent if the placeholder is no base64
 */
export declare function rgbaOf(placeholder: string, width: number, height: number): number[];
/**
 * Make a small PNG of a record's placeholder, also on a server. A Content-Security-Policy must allow `data:` in `img-src`.
 *
 * @param {{placeholder?: string | undefined, width?: number | undefined, height?: number | undefined}} record
 * @returns {string | undefined}  a `data:` URL, or undefined if the record has no placeholder
 */
export declare function placeholderUrl({ placeholder, width, height }: {
    placeholder?: string | undefined;
    width?: number | undefined;
    height?: number | undefined;
}): string | undefined;
