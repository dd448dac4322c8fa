/** Vue 3: a composable and a component. */

export { PixImage } from "./pix-image.js";
export { CLIENT, useImage } from "./use-image.js";

/**
 * @typedef {import("./pix-image.js").PixImageProps} PixImageProps
 * @typedef {import("./use-image.js").UseImageOptions} UseImageOptions
 */
