/** A fresh record of an image, by the application's own function. */

import { ConfigError, stateError } from "../errors.js";
import { check, checkId } from "../format/records.js";
import { WireState } from "../states.js";

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
export async function freshRecord(refreshRecord, id, context) {
  if (!refreshRecord) throw new ConfigError("this needs `recordsUrl`");
  // Those that are asked for together would all be refused for one that is none.
  checkId(id);
  const [original, variant] = /** @type {[string, string?]} */ (id.split("~"));
  const fresh = await refreshRecord(original, context);
  const record = variant ? (fresh?.variants?.[variant] ?? null) : fresh;
  if (record === null) throw stateError(WireState.NotFound);
  check(Object(record).id === id, "id", "the one that was asked for");
  return record;
}
