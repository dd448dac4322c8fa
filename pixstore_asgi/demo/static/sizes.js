/** The sizes that a picture comes in: a thumbnail for the gallery, the original for the dialog. */

/** @import { Entry, PictureRecord } from "./api.js" */

/**
 * A picture that was saved before there were thumbnails is its own.
 *
 * @param {Entry} entry
 */
export const thumbnailOf = ({ record }) => record.variants?.thumb ?? record;

/**
 * The original alone: of several sizes an element takes the smallest that fills its place.
 *
 * @param {Entry} entry
 * @returns {PictureRecord}
 */
export const originalOf = ({ record }) => ({ ...record, variants: {} });
