/** What a picture's place looks like before the picture is there. */
import type { ImageRecord } from "../format/records.js";
import type { ViewState } from "./view.js";
export type Length = number | string | undefined;
export type Size = {
    width: Length;
    height: Length;
};
/** @import { ImageRecord } from "../format/records.js" */
/** @import { ViewState } from "./view.js" */
/** @typedef {number | string | undefined} Length  in CSS pixels, as in an attribute of HTML */
/** @typedef {{width: Length, height: Length}} Size */
/**
 * A size as told, what is missing of it by the picture's proportions, so that nothing moves when it comes.
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
 * What an `<img>` shows: the picture, until it is there its blur, and after a sign-out neither.
 *
 * @param {ViewState} state
 * @param {string | undefined} blur
 */
export declare const srcOf: ({ status, url }: ViewState, blur: string | undefined) => string | undefined;
