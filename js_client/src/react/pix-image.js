/** A component that shows an image in an `<img>`. */

import { createElement, forwardRef, useImperativeHandle, useMemo, useRef } from "react";

import { blurOf, sizeOf, srcOf } from "../view/frame.js";
import { useImage } from "./use-image.js";

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
export const PixImage = forwardRef(function PixImage(
  { record, id, imgId, width, height, placeholder = record?.placeholder, loading, fallback, onLoad, ...rest },
  ref,
) {
  const image = useRef(/** @type {HTMLImageElement | null} */ (null));
  const size = sizeOf(record, width, height);
  const state = useImage(record ?? id, {
    width: size.width,
    priority: rest.fetchPriority,
    lazy: loading !== "eager" && image,
  });
  const blur = useMemo(() => blurOf(placeholder, size), [placeholder, size.width, size.height]);
  const instead = state.status === "error" && fallback;
  useImperativeHandle(ref, () => /** @type {HTMLImageElement} */ (image.current), [!instead]);
  if (instead) return instead(state);
  return createElement("img", {
    decoding: "sync", // it was decoded before
    ...rest,
    ...size,
    id: imgId,
    src: srcOf(state, blur),
    ref: image,
    onLoad: state.url && onLoad,
    "data-status": state.status,
  });
});
