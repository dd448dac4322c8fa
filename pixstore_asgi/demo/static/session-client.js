/** The browser client of one session. */

import { createClient } from "/images/-/client/index.js";

/** @import { Asked } from "./measured.js" */
/** @import { Records } from "./records.js" */

const RETRIES = 5; // after 0.2, 0.4, 0.8, 1.6 and 3.2 s, more or less: longer than the server stays away

/**
 * @param {object} session
 * @param {string} session.guest  keeps the pictures of this session apart from those of others
 * @param {Records} session.records
 * @param {(error: Error) => void} session.onCacheError
 */
export const createSessionClient = ({ guest, records, onCacheError }) =>
  createClient({
    databaseName: "pixstore-demo",
    namespace: guest,
    cacheLimit: 500,
    retries: RETRIES,
    onCacheError,
    async refreshRecord(id, /** @type {Asked | undefined} */ asked) {
      const entry = await records.fresh(id);
      if (asked) asked.fresh = entry;
      return entry.record;
    },
  });
