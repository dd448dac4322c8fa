/** Fresh records, by requests that end: where nobody answers, an `<img>` would wait for ever. */
import type { RefreshRecords } from "../options/options.js";
/**
 * @param {string} recordsUrl
 * @param {number} [limitMs]
 * @returns {RefreshRecords}
 */
export declare const recordsFrom: (recordsUrl: string, limitMs?: number) => RefreshRecords;
