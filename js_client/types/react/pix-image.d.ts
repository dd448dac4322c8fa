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
 * Those of an `<img>`, and one of `record` and `id`, that of the image; `imgId` is that of the `<img>`. `width` chooses the size of the picture that is got, `placeholder` is
 * what a record has of that name, `loading` is "lazy" unless "eager", `fallback` renders what stands there instead where the
 * image fails, with its `error` and `retry`, and `onLoad` is told of the picture alone.
 *
 * @typedef {Omit<ImgHTMLAttributes<HTMLImageElement>, "alt" | "id" | "placeholder" | "sizes" | "src" | "srcSet"> &
 *   {alt: string, imgId?: string | undefined, placeholder?: string | undefined, fallback?: ((state: ImageState) => ReactNode) | undefined} &
 *   ({record: ImageRecord | null | undefined, id?: undefined} | {id: string | null | undefined, record?: undefined})
 * } PixImageProps
 */
/** @type {ForwardRefExoticComponent<PixImageProps & RefAttributes<HTMLImageElement>>} */
export declare const PixImage: ForwardRefExoticComponent<PixImageProps & RefAttributes<HTMLImageElement>>;
