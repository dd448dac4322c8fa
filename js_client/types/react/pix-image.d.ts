/** A component that shows an image in an `<img>`. */
import type { ForwardRefExoticComponent, ImgHTMLAttributes, ReactNode, RefAttributes } from "react";
import type { ImageRecord } from "../format/records.js";
import type { ImageState } from "./use-image.js";
export type PixImageProps = Omit<ImgHTMLAttributes<HTMLImageElement>, "alt" | "id" | "placeholder" | "sizes" | "src" | "srcSet"> & {
    alt: string;
    imgId?: string | undefined;
    placeholder?: string | undefined;
    fallback?: ((state: ImageState) => ReactNode) | undefined;
} & ({
    record: ImageRecord | null | undefined;
    id?: undefined;
} | {
    id: string | null | undefined;
    record?: undefined;
});
/** @import { ForwardRefExoticComponent, ImgHTMLAttributes, ReactNode, RefAttributes } from "react" */
/** @import { ImageRecord } from "../format/records.js" */
/** @import { ImageState } from "./use-image.js" */
/**
 * The props of an `<img>`, and:
 *
 * - `record` or `id`: the image; `imgId` becomes the `id` of the `<img>`
 * - `width`: in CSS pixels; chooses the size of the picture that is loaded
 * - `placeholder`: as in a record; default: the record's
 * - `loading`: "lazy" (default) or "eager"
 * - `fallback`: renders a replacement if the image fails, with its `error` and `retry`
 * - `onLoad`: is called for the picture, not for its placeholder
 *
 * @typedef {Omit<ImgHTMLAttributes<HTMLImageElement>, "alt" | "id" | "placeholder" | "sizes" | "src" | "srcSet"> &
 *   {alt: string, imgId?: string | undefined, placeholder?: string | undefined, fallback?: ((state: ImageState) => ReactNode) | undefined} &
 *   ({record: ImageRecord | null | undefined, id?: undefined} | {id: string | null | undefined, record?: undefined})
 * } PixImageProps
 */
/** @type {ForwardRefExoticComponent<PixImageProps & RefAttributes<HTMLImageElement>>} */
export declare const PixImage: ForwardRefExoticComponent<PixImageProps & RefAttributes<HTMLImageElement>>;
