/** HTTP requests to the application, and the GET of one image. */

import { FetchError, statusError } from "../errors.js";
import { baseUrl } from "../format/records.js";
import { requestOptions } from "../options/options.js";
import { readBody } from "./body.js";

/** @import { ImageRecord } from "../format/records.js" */
/** @import { Options, Priority } from "../options/options.js" */
/** @import { OnReceived } from "./body.js" */
/** @import { TimeLimit } from "./limits.js" */

/**
 * Fetches one wire payload. It gets the record as the caller of `getImage` passed it and getImage's `context`, and
 * resolves to the whole response body. `signal` is aborted when all callers have left, or after `timeoutMs` without
 * progress.
 *
 * @typedef {(record: ImageRecord, context: any, request: {signal: AbortSignal}) => Promise<Uint8Array>} ImageFetcher
 */

/**
 * @typedef {object} FetchOptions
 * @property {AbortSignal | undefined} [signal]
 * @property {Priority | undefined} [priority]
 * @property {OnReceived | undefined} [onProgress]
 */

/** @typedef {Pick<Options, "endpoint" | "headers" | "credentials">} Endpoint */

/**
 * Make the fetcher that a client without a custom fetcher uses.
 *
 * @param {string} endpoint  URL or path, without a trailing slash
 * @returns {(record: ImageRecord, context?: any, request?: FetchOptions) => Promise<Uint8Array<ArrayBuffer>>}  resolves
 *   to the wire payload; rejects with FetchError, with RefusedError for HTTP status 401 or 403, or with WireError if
 *   the body is no wire payload
 */
export const createFetcher = (endpoint) => (record, _, request) =>
  get({ endpoint }, { ...record, proof: record.statelessProof }, { ...request });

/**
 * @param {Endpoint} options
 * @param {{id: string, token: number, proof: string}} record
 * @param {FetchOptions & {limit?: TimeLimit | undefined}} request
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
 * Send a request to the application and resolve to its response with status 2xx.
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
    // The HTTP cache would keep a second copy, which deleteCachedImage cannot remove.
    cache: "no-store",
    // Following a redirect would send the proof to its target.
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
 * Return a response with status 2xx; throw for any other.
 *
 * @param {Response} response
 * @throws {FetchError | RefusedError}
 */
export function accepted(response) {
  if (response.ok) return response;
  response.body?.cancel().catch(() => {});
  throw statusError(response.status, response.headers.get("retry-after"));
}

/**
 * Whether a URL is on another origin than the page.
 *
 * @param {string} url
 */
export function isRemote(url) {
  return globalThis.location && new URL(url, baseUrl()).origin !== location.origin;
}
