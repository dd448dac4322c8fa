/** Fetches fresh records, by a function of the application or from its `recordsUrl`. */
import type { ImageRecord } from "../format/records.js";
import type { Options, RefreshRecord } from "../options/options.js";
/**
 * Fetch a fresh record of an image or a variant. Applications know the ids of originals only, so a variant's record is
 * taken from its original's.
 *
 * @param {RefreshRecord | undefined} refreshRecord
 * @param {string} id
 * @param {unknown} context
 * @returns {Promise<ImageRecord>}
 * @throws {NotFoundError | RecordError | ConfigError} and the errors of `refreshRecord`
 */
export declare function freshRecord(refreshRecord: RefreshRecord | undefined, id: string, context: unknown): Promise<ImageRecord>;
/**
 * @param {Pick<Options, "refreshRecord" | "refreshRecords" | "recordsUrl" | "headers" | "credentials" | "timeoutMs">}
 *   options
 * @returns {RefreshRecord | undefined}  undefined if the options name no source of records
 */
export declare function createRefresh(options: Pick<Options, "refreshRecord" | "refreshRecords" | "recordsUrl" | "headers" | "credentials" | "timeoutMs">): RefreshRecord | undefined;
