/** What a picture's place looks like before the picture is there. */

import { placeholderUrl } from "./placeholder.js";

/** @import { ImageRecord } from "../format/records.js" */
/** @import { ViewState } from "./view.js" */

/** @typedef {number | string | undefined} Length  in CSS pixels, as in an attribute of HTML */

/** @typedef {{width: Length, height: Length}} Size */

/**
 * A size as told, what is missing of it by the picture's proportions, so that nothing moves when it comes.
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
 * What an `<img>` shows: the picture, until it is there its blur, and after a sign-out neither.
 *
 * @param {ViewState} state
 * @param {string | undefined} blur
 */
export const srcOf = ({ status, url }, blur) => (status === "idle" ? undefined : (url ?? blur));
