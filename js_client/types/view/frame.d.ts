/** Size, placeholder and `src` of an `<img>`, and the variant that fills it. */
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
/**
 * Choose the smallest of a picture's sizes that fills a width, otherwise the largest. As browsers do with `srcset`,
 * prefer a smaller size if it fills the place in CSS pixels and is nearer to the width by proportion.
 *
 * @param {ImageRecord} record
 * @param {number} width  in device pixels
 * @param {number} [least]  width in CSS pixels, if the screen has more device pixels; default `width`
 * @returns {ImageRecord}  the record itself or one of its variants
 */
export declare function sizeFor(record: ImageRecord, width: number, least?: number): ImageRecord;
