/** Svelte 5: a component, and an action for an `<img>` of your own. */

import Component from "./PixImage.svelte";

export { setClient } from "./client.js";
export { pixImage } from "./pix-image.js";

/**
 * One of `record` and `id`. `width` chooses the size of the picture that is got, `placeholder` is what a record has of that
 * name, `loading` is "lazy" unless "eager". The snippet `failed` stands there instead where the image fails, and is given the
 * error and what tries again. All else goes to the `<img>`; its `onload` is told of the picture alone.
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
export const PixImage = Component;
