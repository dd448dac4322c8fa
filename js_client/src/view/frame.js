/** Size, placeholder and `src` of an `<img>`, and the variant that fills it. */

import { placeholderUrl } from "./placeholder.js";

/** @import { ImageRecord } from "../format/records.js" */
/** @import { ViewState } from "./view.js" */

/** A transparent pixel. An `<img>` with neither a `src` nor an empty `alt` is as small as the text of its `alt`. */
const BLANK = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' width='1' height='1'/>";

/** @typedef {number | string | undefined} Length  in CSS pixels, as in an HTML attribute */

/** @typedef {{width: Length, height: Length}} Size */

/**
 * The props that the components of all frameworks share.
 *
 * @typedef {object} FrameProps
 * @property {string} alt
 * @property {ImageRecord | null | undefined} [record]  the image, or use `id`
 * @property {string | null | undefined} [id]  the image's id
 * @property {string | undefined} [imgId]  the `id` of the `<img>`
 * @property {Length} [width]  in CSS pixels; chooses the size of the picture that is loaded
 * @property {Length} [height]  in CSS pixels
 * @property {string | undefined} [placeholder]  as in a record; default: the record's
 * @property {"lazy" | "eager" | undefined} [loading]  default "lazy"
 */

/**
 * Complete a size by the picture's proportions, so that the layout does not move when the picture is loaded.
 *
 * @param {ImageRecord | null | undefined} record
 * @param {Length} [width]
 * @param {Length} [height]
 * @returns {Size}
 */
export function sizeOf(record, width, height) {
  const ratio = Number(record?.width) / Number(record?.height);
  return {
    width: width ?? (Math.round(Number(height) * ratio) || record?.width),
    height: height ?? (Math.round(Number(width) / ratio) || record?.height),
  };
}

/**
 * @param {string | undefined} placeholder
 * @param {Size} size
 */
export const blurOf = (placeholder, { width, height }) =>
  placeholderUrl({ placeholder, width: Number(width) || undefined, height: Number(height) || undefined });

/**
 * Return the `src` of an `<img>`: the picture, its blur or a blank until the picture is loaded, or a blank after a
 * sign-out. If the picture fails without a blur, the `<img>` shows its `alt`.
 *
 * @param {ViewState} state
 * @param {string | undefined} blur
 */
export const srcOf = ({ status, url }, blur) =>
  status === "idle" ? BLANK : (url ?? blur ?? (status === "error" ? undefined : BLANK));

/**
 * Choose the size of a picture whose width is nearest by proportion, as browsers do with `srcset`. A size needs 3/4 of the
 * place's CSS pixels, and the ratio of the place. If no size has this ratio, it is that of the original: a cropped variant
 * is another picture.
 *
 * @param {ImageRecord} record
 * @param {number} width  in device pixels
 * @param {number} [least]  width in CSS pixels, if the screen has more device pixels; default `width`
 * @param {{width?: number | undefined, height?: number | undefined}} [place]  the place's sides, 0 if not given; default:
 *   of the original's ratio
 * @returns {ImageRecord}  the record itself or one of its variants
 */
export function sizeFor(record, width, least = width, place = record) {
  /** @param {ImageRecord} size */
  const distance = ({ width: w = 0 }) => Math.abs(w - width ** 2 / w);
  /** @param {any} shape  if the original's sides are unknown, every size has its ratio */
  const nearest = ({ width: w, height: h }) =>
    [...Object.values(record.variants ?? {}), record]
      .filter(
        /** @param {any} size  of whole pixels, so that its ratio differs a little */
        (size) => size?.width >= 0.75 * least && !(Math.abs(size.width * h - size.height * w) >= w + h),
      )
      .sort((one, other) => distance(one) - distance(other))[0];
  return nearest(place) ?? nearest(record) ?? record;
}
