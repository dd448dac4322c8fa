/** getImage with a look at what it does: whether it asked the server, what came back, and how long it all took. */

import { RefusedError, WireState, createFetcher, getImage, initPixstoreFrontend } from "/images/-/client/index.js";
import { SignedOutError } from "./api.js";

/** @import { ImageRecord } from "/images/-/client/index.js" */
/** @import { Entry } from "./api.js" */

/**
 * What one getImage did. `wire` is a name of WireState, or undefined where nothing was fetched; `bytes` were received;
 * `ms` is the whole time, decryption included; `proof` is how old the record was and how much longer it is good for.
 *
 * @typedef {object} Measurement
 * @property {boolean} wasFetched
 * @property {string | undefined} wire
 * @property {number} bytes
 * @property {number} ms
 * @property {{ageMs: number, leftMs: number}} proof
 * @property {Blob | undefined} blob
 * @property {Error | undefined} error
 */

const fetchBody = createFetcher("/images");

// No retries here: each failure and each further try is shown, see persist.js.
initPixstoreFrontend({ databaseName: "pixstore-demo", cacheLimit: 500, retries: 0 }, fetchPayload);

/**
 * Get a picture and tell how it was got. A failure is an answer too.
 *
 * @param {Entry} entry
 * @returns {Promise<Measurement>}
 */
export async function getMeasured({ record, receivedAt }) {
  const seen = { wasFetched: false, wire: undefined, bytes: 0 };
  const proof = { ageMs: Date.now() - receivedAt, leftMs: record.proofExpiresAt - Date.now() };
  const startedAt = performance.now();
  const outcome = await getImage(record, { context: seen }).then(
    (blob) => ({ blob, error: undefined }),
    (error) => ({ blob: undefined, error: error instanceof RefusedError && error.status === 403 ? signedOut(error) : error }),
  );
  return { ...seen, ...outcome, proof, ms: performance.now() - startedAt };
}

/** @param {RefusedError} cause */
const signedOut = (cause) => new SignedOutError("this session has ended", { cause });

/**
 * The fetcher behind getImage; it is called only where the cache doesn't have the picture.
 *
 * @param {ImageRecord} record
 * @param {{wasFetched: boolean, wire: string | undefined, bytes: number}} seen  the context that was passed to getImage
 */
async function fetchPayload(record, seen) {
  seen.wasFetched = true;
  const body = await fetchBody(record);
  seen.bytes = body.length;
  seen.wire = Object.keys(WireState).find((name) => WireState[name] === body[0]);
  return body;
}
