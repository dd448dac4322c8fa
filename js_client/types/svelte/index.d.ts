/** Svelte 5: a component, and an action for an `<img>` of your own. */
export { setClient } from "./pix-image.js";
export { pixImage } from "./pix-image.js";
export type PixImageProps = Omit<import("svelte/elements").HTMLImgAttributes, "alt" | "id" | "placeholder" | "sizes" | "src" | "srcset"> & {
    alt: string;
    placeholder?: string | undefined;
    record?: import("../format/records.js").ImageRecord | null | undefined;
    id?: string | null | undefined;
    imgId?: string | undefined;
    failed?: import("svelte").Snippet<[error: any, retry: () => void]> | undefined;
};
/**
 * The attributes of an `<img>`, and:
 *
 * - `record` or `id`: the image; `imgId` becomes the `id` of the `<img>`
 * - `width`: in CSS pixels; chooses the size of the picture that is loaded
 * - `placeholder`: as in a record; default: the record's
 * - `loading`: "lazy" (default) or "eager"
 * - `failed`: a snippet that replaces the `<img>` if the image fails; it gets the error and a function that tries again
 * - `onload`: is called for the picture, not for its placeholder
 *
 * @typedef {Omit<import("svelte/elements").HTMLImgAttributes, "alt" | "id" | "placeholder" | "sizes" | "src" | "srcset"> &
 *   {alt: string, placeholder?: string | undefined, record?: import("../format/records.js").ImageRecord | null | undefined,
 *   id?: string | null | undefined, imgId?: string | undefined, failed?: import("svelte").Snippet<[error: any, retry: () => void]> | undefined}} PixImageProps
 */
/**
 * A component that shows an image in an `<img>`.
 *
 * @type {import("svelte").Component<PixImageProps>}
 */
export declare const PixImage: import("svelte").Component<PixImageProps>;
