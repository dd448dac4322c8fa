/** A component that shows an image in an `<img>`. */

import { createElement, forwardRef, useImperativeHandle, useMemo, useRef } from "react";

import { blurOf, sizeOf, srcOf } from "../view/frame.js";
import { useImage } from "./use-image.js";

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
export const PixImage = forwardRef(function PixImage(
  { record, id, imgId, width, height, placeholder = record?.placeholder, loading, fallback, onLoad, ...rest },
  ref,
) {
  const image = useRef(/** @type {HTMLImageElement | null} */ (null));
  const size = sizeOf(record, width, height);
  const state = useImage(record ?? id, {
    ...size,
    priority: rest.fetchPriority,
    lazy: loading !== "eager" && image,
  });
  const blur = useMemo(() => blurOf(placeholder, size), [placeholder, size.width, size.height]);
  const instead = state.status === "error" && fallback;
  useImperativeHandle(ref, () => /** @type {HTMLImageElement} */ (image.current), [!instead]);
  if (instead) return instead(state);
  return createElement("img", {
    decoding: "sync", // the view has decoded it already
    ...rest,
    ...size,
    id: imgId,
    src: srcOf(state, blur),
    ref: image,
    onLoad: state.url && onLoad,
    "data-status": state.status,
  });
});
