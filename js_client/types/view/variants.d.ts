/** Which size of a picture to show. */
import type { ImageRecord } from "../format/records.js";
/** @import { ImageRecord } from "../format/records.js" */
/**
 * The smallest of a picture's sizes that fills a width, or else the largest.
 *
 * @param {ImageRecord} record
 * @param {number} width  in device pixels
 * @returns {ImageRecord}  the record itself or one of its variants
 */
export declare function sizeFor(record: ImageRecord, width: number): ImageRecord;
