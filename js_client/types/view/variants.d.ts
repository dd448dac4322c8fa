/** Which size of a picture to show. */
import type { ImageRecord } from "../format/records.js";
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
export declare function sizeFor(record: ImageRecord, width: number, least?: number): ImageRecord;
