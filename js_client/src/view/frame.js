/** Size, placeholder and `src` of an `<img>` before its picture is loaded. */

import { placeholderUrl } from "./placeholder.js";

/** @import { ImageRecord } from "../format/records.js" */
/** @import { ViewState } from "./view.js" */

/** @typedef {number | string | undefined} Length  in CSS pixels, as in an HTML attribute */

/** @typedef {{width: Length, height: Length}} Size */

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
 * Return the `src` of an `<img>`: the picture, its blur until the picture is loaded, or nothing after a sign-out.
 *
 * @param {ViewState} state
 * @param {string | undefined} blur
 */
export const srcOf = ({ status, url }, blur) => (status === "idle" ? undefined : (url ?? blur));
