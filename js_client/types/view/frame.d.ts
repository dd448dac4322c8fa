/** Size, placeholder and `src` of an `<img>` before its picture is loaded. */
import type { ImageRecord } from "../format/records.js";
import type { ViewState } from "./view.js";
export type Length = number | string | undefined;
export type Size = {
    width: Length;
    height: Length;
};
/** @import { ImageRecord } from "../format/records.js" */
/** @import { ViewState } from "./view.js" */
/** @typedef {number | string | undefined} Length  in CSS pixels, as in an HTML attribute */
/** @typedef {{width: Length, height: Length}} Size */
/**
 * Complete a size by the picture's proportions, so that the layout does not move when the picture is loaded.
 *
 * @param {ImageRecord | null | undefined} record
 * @param {Length} [width]
 * @param {Length} [height]
 * @returns {Size}
 */
export declare function sizeOf(record: ImageRecord | null | undefined, width?: Length, height?: Length): Size;
/**
 * @param {string | undefined} placeholder
 * @param {Size} size
 */
export declare const blurOf: (placeholder: string | undefined, { width, height }: Size) => string | undefined;
/**
 * Return the `src` of an `<img>`: the picture, its blur until the picture is loaded, or nothing after a sign-out.
 *
 * @param {ViewState} state
 * @param {string | undefined} blur
 */
export declare const srcOf: ({ status, url }: ViewState, blur: string | undefined) => string | undefined;
