/**
 * The blurred picture in a ThumbHash of up to 25 bytes (format by Evan Wallace, https://evanw.github.io/thumbhash/): a few
 * terms of a cosine transform for the luminance, two differences of colours, and alpha.
 */
export type Channel = (x: number, y: number) => number;
export type Pixels = {
    width: number;
    height: number;
    rgba: Uint8ClampedArray<ArrayBuffer>;
};
/** @typedef {(x: number, y: number) => number} Channel  up to 255, at a place in the picture, both 0 to 1 */
/** @typedef {{width: number, height: number, rgba: Uint8ClampedArray<ArrayBuffer>}} Pixels */
/**
 * @param {string} placeholder  of a record
 * @param {number} ratio  of the picture's width to its height
 * @returns {Pixels}
 */
export declare function pixelsOf(placeholder: string, ratio: number): Pixels;
/**
 * @param {string} placeholder  of a record
 * @param {number} width  of what is painted, in pixels
 * @param {number} height
 * @returns {number[]}  which a clamped array has to round; transparent if the placeholder is no base64
 */
export declare function rgbaOf(placeholder: string, width: number, height: number): number[];
