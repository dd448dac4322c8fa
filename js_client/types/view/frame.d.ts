/** Size, placeholder and `src` of an `<img>`, and the variant that fills it. */
import type { ImageRecord } from "../format/records.js";
import type { ViewState } from "./view.js";
export type Length = number | string | undefined;
export type Size = {
    width: Length;
    height: Length;
};
export type FrameProps = {
    alt: string;
    /**
     * the image, or use `id`
     */
    record?: ImageRecord | null | undefined;
    /**
     * the image's id
     */
    id?: string | null | undefined;
    /**
     * the `id` of the `<img>`
     */
    imgId?: string | undefined;
    /**
     * in CSS pixels; chooses the size of the picture that is loaded
     */
    width?: Length;
    /**
     * in CSS pixels
     */
    height?: Length;
    /**
     * as in a record; default: the record's
     */
    placeholder?: string | undefined;
    /**
     * default "lazy"
     */
    loading?: "lazy" | "eager" | undefined;
};
/** @typedef {number | string | undefined} Length  in CSS pixels, as in an HTML attribute */
/** @typedef {{width: Length, height: Length}} Size */
/**
 * The props that the components of all frameworks share.
 *
 * @typedef {object} FrameProps
 * @property {string} alt
 * @property {ImageRecord | null | undefined} [record]  the image, or use `id`
 * @property {string | null | undefined} [id]  the image's id
 * @property {string | undefined} [imgId]  the `id` of the `<img>`
 * @property {Length} [width]  in CSS pixels; chooses the size of the picture that is loaded
 * @property {Length} [height]  in CSS pixels
 * @property {string | undefined} [placeholder]  as in a record; default: the record's
 * @property {"lazy" | "eager" | undefined} [loading]  default "lazy"
 */
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
 * Return the `src` of an `<img>`: the picture, its blur or a blank until the picture is loaded, or a blank after a
 * sign-out. If the picture fails without a blur, the `<img>` shows its `alt`.
 *
 * @param {ViewState} state
 * @param {string | undefined} blur
 */
export declare const srcOf: ({ status, url }: ViewState, blur: string | undefined) => string | undefined;
/**
 * Choose the size of a picture whose width is nearest by proportion, as browsers do with `srcset`. A size needs 3/4 of the
 * place's CSS pixels, and the ratio of the place. If no size has this ratio, it is that of the original: a cropped variant
 * is another picture.
 *
 * @param {ImageRecord} record
 * @param {number} width  in device pixels
 * @param {number} [least]  width in CSS pixels, if the screen has more device pixels; default `width`
 * @param {{width?: number | undefined, height?: number | undefined}} [place]  the place's sides, 0 if not given; default:
 *   of the original's ratio
 * @returns {ImageRecord}  the record itself or one of its variants
 */
export declare function sizeFor(record: ImageRecord, width: number, least?: number, place?: {
    width?: number | undefined;
    height?: number | undefined;
}): ImageRecord;
