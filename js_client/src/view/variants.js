/** Chooses the size of a picture to load. */

/** @import { ImageRecord } from "../format/records.js" */

/**
 * Choose the smallest of a picture's sizes that fills a width, otherwise the largest. As browsers do with `srcset`,
 * prefer a smaller size if it fills the place in CSS pixels and is nearer to the width by proportion.
 *
 * @param {ImageRecord} record
 * @param {number} width  in device pixels
 * @param {number} [least]  width in CSS pixels, if the screen has more device pixels; default `width`
 * @returns {ImageRecord}  the record itself or one of its variants
 */
export function sizeFor(record, width, least = width) {
  const sizes = [...Object.values(record.variants ?? {}), record].sort((one, other) => widthOf(one) - widthOf(other));
  const filling = sizes.find((size) => widthOf(size) >= width) ?? record;
  const smaller = sizes.filter((size) => widthOf(size) >= least && widthOf(size) < width).at(-1);
  return smaller && widthOf(smaller) * widthOf(filling) > width ** 2 ? smaller : filling;
}

/** An original of unknown size counts as the largest. */
const widthOf = ({ width = Infinity }) => width;
