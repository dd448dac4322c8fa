/** One GET to the endpoint. */
import type { OnReceived } from "./body.js";
import type { Priority } from "./queue.js";
import type { ImageRecord } from "./records.js";
export type ImageFetcher = (record: ImageRecord, context: any, request: {
    signal: AbortSignal;
}) => Promise<Uint8Array>;
export type Manner = {
    signal?: AbortSignal | undefined;
    priority?: Priority | undefined;
    onProgress?: OnReceived | undefined;
};
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
export declare const createFetcher: (endpoint: string) => (record: ImageRecord, context?: any, request?: Manner) => Promise<Uint8Array<ArrayBuffer>>;
/**
 * @param {string} endpoint
 * @param {{id: string, token: number, proof: string}} record
 * @param {Manner} manner
 */
export declare function get(endpoint: string, { id, token, proof }: {
    id: string;
    token: number;
    proof: string;
}, { signal, priority, onProgress }: Manner): Promise<Uint8Array<ArrayBuffer>>;
/**
 * A request to the endpoint, answered with 2xx.
 *
 * @param {string} url
 * @param {RequestInit} init
 * @throws {FetchError | RefusedError}
 */
export declare function ask(url: string, init: RequestInit): Promise<Response>;
