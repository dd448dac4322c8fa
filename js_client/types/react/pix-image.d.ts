/** A component that shows an image in an `<img>`. */
import type { ForwardRefExoticComponent, ImgHTMLAttributes, ReactNode, RefAttributes } from "react";
import type { ImageRecord } from "../format/records.js";
import type { FrameProps } from "../view/frame.js";
import type { ImageState } from "./use-image.js";
export type PixImageProps = Omit<ImgHTMLAttributes<HTMLImageElement>, keyof FrameProps | "sizes" | "src" | "srcSet"> & Omit<FrameProps, "record" | "id"> & {
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
/** @import { FrameProps } from "../view/frame.js" */
/** @import { ImageState } from "./use-image.js" */
/**
 * The props of an `<img>`, those of all frameworks, and:
 *
 * - `fallback`: renders a replacement if the image fails, with its `error` and `retry`
 * - `onLoad`: is called for the picture, not for its placeholder
 *
 * @typedef {Omit<ImgHTMLAttributes<HTMLImageElement>, keyof FrameProps | "sizes" | "src" | "srcSet"> &
 *   Omit<FrameProps, "record" | "id"> & {fallback?: ((state: ImageState) => ReactNode) | undefined} &
 *   ({record: ImageRecord | null | undefined, id?: undefined} | {id: string | null | undefined, record?: undefined})
 * } PixImageProps
 */
/** @type {ForwardRefExoticComponent<PixImageProps & RefAttributes<HTMLImageElement>>} */
export declare const PixImage: ForwardRefExoticComponent<PixImageProps & RefAttributes<HTMLImageElement>>;
