/** A fresh record of an image, by the application's own function. */
import type { ImageRecord } from "../format/records.js";
import type { RefreshRecord } from "../options/options.js";
/** @import { ImageRecord } from "../format/records.js" */
/** @import { RefreshRecord } from "../options/options.js" */
/**
 * Applications know their images by the originals' ids alone: a variant's record is taken out of its original's.
 *
 * @param {RefreshRecord | undefined} refreshRecord
 * @param {string} id
 * @param {unknown} context
 * @returns {Promise<ImageRecord>}
 * @throws {NotFoundError | RecordError | ConfigError} and what `refreshRecord` throws
 */
export declare function freshRecord(refreshRecord: RefreshRecord | undefined, id: string, context: unknown): Promise<ImageRecord>;
