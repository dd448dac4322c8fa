/** A component that shows an image in an `<img>`. */
import type { ImageRecord } from "../format/records.js";
export type PixImageProps = {
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
    width?: number | string | undefined;
    /**
     * in CSS pixels
     */
    height?: number | string | undefined;
    /**
     * as in a record; default: the record's
     */
    placeholder?: string | undefined;
    /**
     * default "lazy"
     */
    loading?: "lazy" | "eager" | undefined;
};
/** @import { ImageRecord } from "../format/records.js" */
/**
 * The slot `error`, which gets `error` and `retry`, replaces the `<img>` if the image fails. All other attributes go to
 * the `<img>`; its `load` event is passed on for the picture, not for its placeholder.
 *
 * @typedef {object} PixImageProps
 * @property {string} alt
 * @property {ImageRecord | null | undefined} [record]  the image, or use `id`
 * @property {string | null | undefined} [id]  the image's id
 * @property {string | undefined} [imgId]  the `id` of the `<img>`
 * @property {number | string | undefined} [width]  in CSS pixels; chooses the size of the picture that is loaded
 * @property {number | string | undefined} [height]  in CSS pixels
 * @property {string | undefined} [placeholder]  as in a record; default: the record's
 * @property {"lazy" | "eager" | undefined} [loading]  default "lazy"
 */
export declare const PixImage: import("vue").DefineSetupFnComponent<PixImageProps, {}, {}, PixImageProps & {}, import("vue").PublicProps>;
