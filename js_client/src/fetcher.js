/** One GET to the endpoint. */

import { readBody } from "./body.js";
import { FetchError, statusError } from "./errors.js";

/** @import { OnReceived } from "./body.js" */
/** @import { Priority } from "./queue.js" */
/** @import { ImageRecord } from "./records.js" */

/**
 * Fetches one wire payload: given the record as getImage got it and getImage's `context`, it resolves to the whole
 * response body. `signal` is aborted where nobody waits any more, or the time is up.
 *
 * @typedef {(record: ImageRecord, context: any, request: {signal: AbortSignal}) => Promise<Uint8Array>} ImageFetcher
 */

/** @typedef {{signal?: AbortSignal | undefined, priority?: Priority | undefined, onProgress?: OnReceived | undefined}} Manner */

/**
 * Make the fetcher that is used where none is given.
 *
 * @param {string} endpoint  URL or path, without a trailing slash
 * @returns {(record: ImageRecord, context?: any, request?: Manner) => Promise<Uint8Array<ArrayBuffer>>}  rejects with
 *   FetchError, or with RefusedError where the HTTP status is 401 or 403
 */
export const createFetcher = (endpoint) => (record, _, request) =>
  get(endpoint, { ...record, proof: record.statelessProof }, { ...request });

/**
 * @param {string} endpoint
 * @param {{id: string, token: number, proof: string}} record
 * @param {Manner} manner
 */
export async function get(endpoint, { id, token, proof }, { signal, priority, onProgress }) {
  const headers = { "x-pixstore-proof": proof, "x-pixstore-token": String(token) };
  const response = await ask(`${endpoint}/${encodeURIComponent(id)}`, {
    headers,
    signal: signal ?? null,
    priority: priority ?? "auto",
  });
  return readBody(response, onProgress);
}

/**
 * A request to the endpoint, answered with 2xx.
 *
 * @param {string} url
 * @param {RequestInit} init
 * @throws {FetchError | RefusedError}
 */
export async function ask(url, init) {
  const response = await fetch(url, {
    ...init,
    // The HTTP cache would keep a second copy, out of reach of deleteCachedImage.
    cache: "no-store",
    credentials: "same-origin",
    // A redirect would carry the proof on to wherever it points.
    redirect: "manual",
  }).catch((cause) => {
    throw new FetchError("the image endpoint can't be reached", { cause });
  });
  if (response.ok) return response;
  await response.body?.cancel();
  throw statusError(response.status);
}
