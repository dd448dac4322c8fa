/**
 * The blurred picture in a ThumbHash of up to 25 bytes (format by Evan Wallace, https://evanw.github.io/thumbhash/): a few
 * terms of a cosine transform for the luminance, two differences of colours, and alpha.
 */
export type Channel = {
    dc: number;
    terms: {
        cx: number;
        cy: number;
        weight: number;
    }[];
};
export type Pixels = {
    width: number;
    height: number;
    rgba: Uint8ClampedArray<ArrayBuffer>;
};
/** @typedef {{dc: number, terms: {cx: number, cy: number, weight: number}[]}} Channel */
/** @typedef {{width: number, height: number, rgba: Uint8ClampedArray<ArrayBuffer>}} Pixels */
/**
 * @param {string} placeholder  of a record
 * @param {number} ratio  of the picture's width to its height
 * @returns {Pixels}
 */
export declare function pixelsOf(placeholder: string, ratio: number): Pixels;
