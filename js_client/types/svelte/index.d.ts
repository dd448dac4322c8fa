/** Svelte 5: a component, and an action for an `<img>` of your own. */
export { setClient } from "./pix-image.js";
export { pixImage } from "./pix-image.js";
export type FrameProps = import("../view/frame.js").FrameProps;
export type PixImageProps = Omit<import("svelte/elements").HTMLImgAttributes, Shared | "sizes" | "src" | "srcset"> & Pick<FrameProps, Shared> & {
    failed?: import("svelte").Snippet<[error: any, retry: () => void]> | undefined;
};
export type Shared = "alt" | "id" | "imgId" | "placeholder" | "record";
/**
 * The attributes of an `<img>`, the props of all frameworks, and:
 *
 * - `failed`: a snippet that replaces the `<img>` if the image fails; it gets the error and a function that tries again
 * - `onload`: is called for the picture, not for its placeholder
 *
 * @typedef {import("../view/frame.js").FrameProps} FrameProps
 * @typedef {Omit<import("svelte/elements").HTMLImgAttributes, Shared | "sizes" | "src" | "srcset"> &
 *   Pick<FrameProps, Shared> & {failed?: import("svelte").Snippet<[error: any, retry: () => void]> | undefined}} PixImageProps
 */
/** @typedef {"alt" | "id" | "imgId" | "placeholder" | "record"} Shared  the others are those of an `<img>` */
/**
 * A component that shows an image in an `<img>`.
 *
 * @type {import("svelte").Component<PixImageProps>}
 */
export declare const PixImage: import("svelte").Component<PixImageProps>;
