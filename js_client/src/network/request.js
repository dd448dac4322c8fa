/** One GET to the endpoint. */

import { FetchError, statusError } from "../errors.js";
import { requestOptions } from "../options/options.js";
import { readBody } from "./body.js";

/** @import { ImageRecord } from "../format/records.js" */
/** @import { Options, Priority } from "../options/options.js" */
/** @import { OnReceived } from "./body.js" */
/** @import { TimeLimit } from "./time-limit.js" */

/**
 * Fetches one wire payload: given the record as getImage got it and getImage's `context`, it resolves to the whole
 * response body. `signal` is aborted where nobody waits any more, or the time is up.
 *
 * @typedef {(record: ImageRecord, context: any, request: {signal: AbortSignal}) => Promise<Uint8Array>} ImageFetcher
 */

/**
 * @typedef {object} Manner
 * @property {AbortSignal | undefined} [signal]
 * @property {Priority | undefined} [priority]
 * @property {OnReceived | undefined} [onProgress]
 */

/** @typedef {Pick<Options, "endpoint" | "headers" | "credentials">} Endpoint */

/**
 * Make the fetcher that is used where none is given.
 *
 * @param {string} endpoint  URL or path, without a trailing slash
 * @returns {(record: ImageRecord, context?: any, request?: Manner) => Promise<Uint8Array<ArrayBuffer>>}  rejects with
 *   FetchError, with RefusedError where the HTTP status is 401 or 403, or with WireError for what is no payload
 */
export const createFetcher = (endpoint) => (record, _, request) =>
  get({ endpoint }, { ...record, proof: record.statelessProof }, { ...request });

/**
 * @param {Endpoint} options
 * @param {{id: string, token: number, proof: string}} record
 * @param {Manner & {limit?: TimeLimit | undefined}} manner
 */
export async function get(options, { id, token, proof }, { signal, priority, onProgress, limit }) {
  const headers = { "x-pixstore-proof": proof, "x-pixstore-token": String(token) };
  const response = await ask(options, `${options.endpoint}/${encodeURIComponent(id).replace("%3A", ":")}`, {
    headers,
    signal: signal ?? null,
    priority: priority ?? "auto",
  });
  return readBody(response, onProgress, limit?.start);
}

/**
 * A request to the application, answered with 2xx.
 *
 * @param {Omit<Endpoint, "endpoint">} options
 * @param {string} url
 * @param {RequestInit} init
 * @throws {FetchError | RefusedError}
 */
export async function ask(options, url, init) {
  const { headers, credentials = "same-origin" } = await requestOptions(options);
  const response = await fetch(url, {
    ...init,
    headers: { ...Object.fromEntries(new Headers(headers)), ...init.headers },
    credentials,
    // The HTTP cache would keep a second copy, out of reach of deleteCachedImage.
    cache: "no-store",
    // A redirect would carry the proof on to wherever it points.
    redirect: "manual",
  }).catch(unreached);
  return accepted(response);
}

/**
 * @param {unknown} cause
 * @returns {never}
 */
export function unreached(cause) {
  throw new FetchError("the application can't be reached", { cause });
}

/**
 * A response, where its status is 2xx.
 *
 * @param {Response} response
 * @throws {FetchError | RefusedError}
 */
export function accepted(response) {
  if (response.ok) return response;
  response.body?.cancel().catch(() => {});
  throw statusError(response.status, response.headers.get("retry-after"));
}
