/** The sizes that a picture comes in: a thumbnail for the gallery, the original for the dialog. */

/** @import { Entry, PictureRecord } from "./api.js" */

/** @typedef {"thumbnail" | "original"} Size */

/** A picture that was saved before there were thumbnails is its own. */
const thumbnailOf = ({ record }) => record.variants?.thumb ?? record;

/**
 * @param {Entry} entry
 * @param {Size} size
 * @returns {PictureRecord}
 */
export const recordOf = (entry, size) => (size === "original" ? entry.record : thumbnailOf(entry));

/**
 * The entry with another record in the place of one of its sizes.
 *
 * @param {Entry} entry
 * @param {Size} size
 * @param {Partial<PictureRecord>} changes
 * @returns {Entry}
 */
export function withRecord(entry, size, changes) {
  const changed = { ...recordOf(entry, size), ...changes };
  if (changed.id === entry.record.id) return { ...entry, record: changed };
  return { ...entry, record: { ...entry.record, variants: { ...entry.record.variants, thumb: changed } } };
}
