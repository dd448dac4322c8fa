/** Fetches fresh records, by a function of the application or from its `recordsUrl`. */

import { FRAMES_MS, coalesce } from "../coalesce.js";
import { ConfigError, RecordError, WireState, stateError } from "../errors.js";
import { isImageId } from "../format/ids.js";
import { ask, isRemote, unreached } from "../network/fetch.js";

/** @import { Recipient } from "../crypto/recipient.js" */
/** @import { ImageRecord } from "../format/records.js" */
/** @import { Options, RefreshRecord, RefreshRecords } from "../options/options.js" */

/** The server's limit. */
const MOST_RECORDS = 100;

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
export async function freshRecord(refreshRecord, id, context) {
  if (!refreshRecord) throw new ConfigError("set `recordsUrl` or `refreshRecord`");
  // One invalid id would make the server refuse every id of the same request.
  if (!isImageId(id)) throw stateError(WireState.NotFound);
  const [original, variant] = /** @type {[string, string?]} */ (id.split("~"));
  const fresh = await refreshRecord(original, context);
  const record = variant ? (fresh?.variants?.[variant] ?? null) : fresh;
  if (record === null) throw stateError(WireState.NotFound);
  if (Object(record).id !== id) {
    throw new RecordError("refreshRecord gave the record of another image", { reason: "id" });
  }
  return record;
}

/**
 * @param {Pick<Options, "refreshRecord" | "refreshRecords" | "recordsUrl" | "headers" | "credentials" | "timeoutMs">}
 *   options
 * @param {Recipient} recipient
 * @returns {RefreshRecord | undefined}  undefined if the options name no source of records
 */
export function createRefresh(options, recipient) {
  const { refreshRecord, refreshRecords = options.recordsUrl ? fromUrl(options, recipient) : undefined } = options;
  return refreshRecord ?? (refreshRecords && oneByOne(refreshRecords));
}

/**
 * Ask a mounted RecordsApp, which seals the records to this client. From another origin the header would need a
 * preflight that may be refused, so there records are plain.
 *
 * @param {Pick<Options, "recordsUrl" | "headers" | "credentials" | "timeoutMs">} options
 * @param {Recipient} recipient
 * @returns {RefreshRecords}
 */
const fromUrl = (options, recipient) => async (ids) => {
  // No character of an id needs escaping in a query.
  const url = `${options.recordsUrl}?id=${ids.join("&id=")}`;
  const headers = isRemote(url) ? {} : await recipient.headers();
  const response = await ask(options, url, { headers, signal: AbortSignal.timeout(options.timeoutMs) });
  return response.json().catch(unreached);
};

/**
 * Ask for one record at a time. Calls that follow shortly after each other become one request.
 *
 * @param {RefreshRecords} refreshRecords
 * @returns {RefreshRecord}
 */
const oneByOne = (refreshRecords) =>
  coalesce(
    async (/** @type {string[]} */ ids) => {
      const found = await refreshRecords([...new Set(ids)]);
      if (Object(found) !== found) {
        throw new ConfigError("refreshRecords must resolve to records");
      }
      const records = new Map(Object.values(found).map((record) => [record?.id, record]));
      return ids.map((id) => records.get(id) ?? null);
    },
    MOST_RECORDS,
    { pauseMs: FRAMES_MS },
  );
