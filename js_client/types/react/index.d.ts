/** React from 18: a component, a hook, and a hook that suspends. */
export { PixImage } from "./pix-image.js";
export { PixstoreProvider, useImage } from "./use-image.js";
export { useSuspenseImage } from "./use-suspense-image.js";
export type PixImageProps = import("./pix-image.js").PixImageProps;
export type ImageState = import("./use-image.js").ImageState;
export type UseImageOptions = import("./use-image.js").UseImageOptions;
/**
 * @typedef {import("./pix-image.js").PixImageProps} PixImageProps
 * @typedef {import("./use-image.js").ImageState} ImageState
 * @typedef {import("./use-image.js").UseImageOptions} UseImageOptions
 */
