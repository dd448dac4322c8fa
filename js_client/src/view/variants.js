/** Which size of a picture to show. */

/** @import { ImageRecord } from "../format/records.js" */

/**
 * The smallest of a picture's sizes that fills a width, or else the largest.
 *
 * @param {ImageRecord} record
 * @param {number} width  in device pixels
 * @returns {ImageRecord}  the record itself or one of its variants
 */
export function sizeFor(record, width) {
  const sizes = [...Object.values(record.variants ?? {}), record].sort((one, other) => widthOf(one) - widthOf(other));
  return sizes.find((size) => widthOf(size) >= width) ?? record;
}

/** An original whose size nobody knows is the largest. */
const widthOf = ({ width = Infinity }) => width;
