/** Which size of a picture to show. */

/** @import { ImageRecord } from "../format/records.js" */

/**
 * The smallest of a picture's sizes that fills a width, or else the largest. A smaller one is taken if it fills the place
 * in CSS pixels and is nearer to the width, by proportion: so browsers choose from `srcset`.
 *
 * @param {ImageRecord} record
 * @param {number} width  in device pixels
 * @param {number} [least]  in CSS pixels, on a screen that has more device pixels; default `width`
 * @returns {ImageRecord}  the record itself or one of its variants
 */
export function sizeFor(record, width, least = width) {
  const sizes = [...Object.values(record.variants ?? {}), record].sort((one, other) => widthOf(one) - widthOf(other));
  const filling = sizes.find((size) => widthOf(size) >= width) ?? record;
  const smaller = sizes.filter((size) => widthOf(size) >= least && widthOf(size) < width).at(-1);
  return smaller && widthOf(smaller) * widthOf(filling) > width ** 2 ? smaller : filling;
}

/** An original whose size nobody knows is the largest. */
const widthOf = ({ width = Infinity }) => width;
