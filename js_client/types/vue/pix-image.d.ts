/** A component that shows an image in an `<img>`. */
import type { ImageRecord } from "../format/records.js";
export type PixImageProps = {
    alt: string;
    record?: ImageRecord | null | undefined;
    id?: string | null | undefined;
    imgId?: string | undefined;
    width?: number | string | undefined;
    height?: number | string | undefined;
    placeholder?: string | undefined;
    loading?: "lazy" | "eager" | undefined;
};
/** @import { ImageRecord } from "../format/records.js" */
/**
 * One of `record` and `id`, that of the image; `imgId` is that of the `<img>`. `width` chooses the size of the picture that is got, `placeholder` is what a record has of that
 * name, `loading` is "lazy" unless "eager". The slot `error`, which has `error` and `retry`, stands there instead where the
 * image fails. All else goes to the `<img>`; its `load` is told of the picture alone.
 *
 * @typedef {object} PixImageProps
 * @property {string} alt
 * @property {ImageRecord | null | undefined} [record]
 * @property {string | null | undefined} [id]
 * @property {string | undefined} [imgId]
 * @property {number | string | undefined} [width]
 * @property {number | string | undefined} [height]
 * @property {string | undefined} [placeholder]
 * @property {"lazy" | "eager" | undefined} [loading]
 */
export declare const PixImage: import("vue").DefineSetupFnComponent<PixImageProps, {}, {}, PixImageProps & {}, import("vue").PublicProps>;
