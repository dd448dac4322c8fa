/** getImage with a look at what it does: whether it asked the server, what came back, and how long it all took. */

import { WireState, createFetcher, getImage, initPixstoreFrontend } from "/images/-/client/index.js";

/** @import { ImageRecord } from "/images/-/client/index.js" */

/**
 * What one getImage did. `state` is a name of WireState, or undefined where nothing was fetched; `bytes` were received;
 * `ms` is the whole time, decryption included.
 *
 * @typedef {{state: string | undefined, bytes: number, ms: number}} Measurement
 */

const fetchBody = createFetcher("/images");

initPixstoreFrontend({ databaseName: "pixstore-demo", cacheLimit: 100 }, fetchPayload);

/**
 * Get a picture and tell how it was got. A failure is an answer too.
 *
 * @param {ImageRecord} record
 * @returns {Promise<Measurement & {blob?: Blob, error?: Error}>}
 */
export async function getMeasured(record) {
  /** @type {Measurement} */
  const measurement = { state: undefined, bytes: 0, ms: 0 };
  const startedAt = performance.now();
  const outcome = await getImage(record, measurement).then(
    (blob) => ({ blob }),
    (error) => ({ error }),
  );
  return { ...measurement, ...outcome, ms: performance.now() - startedAt };
}

/**
 * The fetcher behind getImage; it is called only where the cache doesn't have the picture.
 *
 * @param {ImageRecord} record
 * @param {Measurement} measurement  the context that was passed to getImage
 */
async function fetchPayload(record, measurement) {
  const body = await fetchBody(record);
  measurement.bytes = body.length;
  measurement.state = Object.keys(WireState).find((name) => WireState[name] === body[0]);
  return body;
}
