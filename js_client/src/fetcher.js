/** The default fetcher: one GET to the endpoint of the configuration. */

import { FetchError } from "./errors.js";

/** @import { ImageRecord } from "./records.js" */

/**
 * Fetches one wire payload: given the record as getImage got it, and getImage's second argument, it resolves to the
 * whole response body.
 *
 * @typedef {(record: ImageRecord, context?: any) => Promise<Uint8Array>} ImageFetcher
 */

/** @type {ReadonlyMap<number, string>} */
const ADVICE = new Map([
  [400, "the request carried no image id; check that a proxy passes the whole path on"],
  [403, "the application's authorize refused this request"],
  [404, "there is no image endpoint at this address; check the `endpoint` option"],
]);

const REDIRECT_ADVICE = "the endpoint redirects, which is not followed; check the `endpoint` option";

/**
 * Make the default fetcher.
 *
 * @param {string} endpoint  URL or path, without a trailing slash
 * @returns {ImageFetcher} rejects with FetchError where the network fails or the HTTP status is not 2xx
 */
export function createFetcher(endpoint) {
  return async ({ id, token, statelessProof }) => {
    const response = await request(`${endpoint}/${encodeURIComponent(id)}`, {
      "x-pixstore-proof": statelessProof,
      "x-pixstore-token": String(token),
    });
    if (!response.ok) throw statusError(response.status);
    return wholeBody(response);
  };
}

/**
 * @param {string} url
 * @param {Record<string, string>} headers
 */
async function request(url, headers) {
  try {
    return await fetch(url, {
      headers,
      // The HTTP cache would keep a second copy, out of reach of deleteCachedImage.
      cache: "no-store",
      credentials: "same-origin",
      // A redirect would carry the proof on to wherever it points.
      redirect: "manual",
    });
  } catch (cause) {
    throw new FetchError("the image endpoint can't be reached", { cause });
  }
}

/** @param {Response} response */
async function wholeBody(response) {
  try {
    return new Uint8Array(await response.arrayBuffer());
  } catch (cause) {
    throw new FetchError("the response was cut short; try again", { status: response.status, cause });
  }
}

/** @param {number} status */
function statusError(status) {
  const isRedirect = status === 0 || (status >= 300 && status < 400);
  const advice = isRedirect ? REDIRECT_ADVICE : ADVICE.get(status);
  return new FetchError(`HTTP status ${status}${advice ? `: ${advice}` : ""}`, { status });
}
