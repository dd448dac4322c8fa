/** Chooses the size of a picture to load. */
import type { ImageRecord } from "../format/records.js";
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
export declare function sizeFor(record: ImageRecord, width: number, least?: number): ImageRecord;
