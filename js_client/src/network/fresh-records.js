/** Where fresh records come from: a function of the application, or its `recordsUrl`. */

import { coalesce } from "../coalesce.js";
import { ConfigError } from "../errors.js";
import { FRAMES_MS } from "../format/batch.js";
import { ask, unreached } from "./request.js";

/** @import { Options, RefreshRecord, RefreshRecords } from "../options/options.js" */

const MOST_RECORDS = 100;

/**
 * @param {Pick<Options, "refreshRecord" | "refreshRecords" | "recordsUrl" | "headers" | "credentials" | "timeoutMs">} options
 * @returns {RefreshRecord | undefined}  nothing where the application has told of none
 */
export function createRefresh(options) {
  const { refreshRecord, refreshRecords = options.recordsUrl ? fromUrl(options) : undefined } = options;
  return refreshRecord ?? (refreshRecords && gathered(refreshRecords));
}

/**
 * What a mounted RecordsApp answers.
 *
 * @param {Pick<Options, "recordsUrl" | "headers" | "credentials" | "timeoutMs">} options
 * @returns {RefreshRecords}
 */
const fromUrl = (options) => async (ids) => {
  // None of the characters of an id means anything in a URL.
  const url = `${options.recordsUrl}?id=${ids.join("&id=")}`;
  const response = await ask(options, url, { signal: AbortSignal.timeout(options.timeoutMs) });
  return response.json().catch(unreached);
};

/**
 * The records of a moment, by one question.
 *
 * @param {RefreshRecords} refreshRecords
 * @returns {RefreshRecord}
 */
const gathered = (refreshRecords) =>
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
