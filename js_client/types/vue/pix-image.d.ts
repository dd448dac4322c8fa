/** A component that shows an image in an `<img>`. */
import type { FrameProps } from "../view/frame.js";
export type PixImageProps = FrameProps;
/** @import { FrameProps } from "../view/frame.js" */
/**
 * The slot `error`, which gets `error` and `retry`, replaces the `<img>` if the image fails. All other attributes go to
 * the `<img>`; its `load` event is passed on for the picture, not for its placeholder.
 *
 * @typedef {FrameProps} PixImageProps
 */
export declare const PixImage: import("vue").DefineSetupFnComponent<FrameProps, {}, {}, FrameProps & {}, import("vue").PublicProps>;
