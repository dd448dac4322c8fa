/** Fresh records, by requests that end: where nobody answers, an `<img>` would wait for ever. */

import { ask } from "../network/request.js";

/** @import { RefreshRecords } from "../options/options.js" */

const LIMIT_MS = 60_000; // as `timeoutMs` of pages

/**
 * @param {string} recordsUrl
 * @param {number} [limitMs]
 * @returns {RefreshRecords}
 */
export const recordsFrom =
  (recordsUrl, limitMs = LIMIT_MS) =>
  async (ids) => {
    const query = new URLSearchParams(ids.map((id) => ["id", id]));
    return (await ask({}, `${recordsUrl}?${query}`, { signal: AbortSignal.timeout(limitMs) })).json();
  };
