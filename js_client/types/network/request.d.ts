/** One GET to the endpoint. */
import type { ImageRecord } from "../format/records.js";
import type { Options, Priority } from "../options/options.js";
import type { OnReceived } from "./body.js";
import type { TimeLimit } from "./time-limit.js";
export type ImageFetcher = (record: ImageRecord, context: any, request: {
    signal: AbortSignal;
}) => Promise<Uint8Array>;
export type Manner = {
    signal?: AbortSignal | undefined;
    priority?: Priority | undefined;
    onProgress?: OnReceived | undefined;
};
export type Endpoint = Pick<Options, "endpoint" | "headers" | "credentials">;
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
export declare const createFetcher: (endpoint: string) => (record: ImageRecord, context?: any, request?: Manner) => Promise<Uint8Array<ArrayBuffer>>;
/**
 * @param {Endpoint} options
 * @param {{id: string, token: number, proof: string}} record
 * @param {Manner & {limit?: TimeLimit | undefined}} manner
 */
export declare function get(options: Endpoint, { id, token, proof }: {
    id: string;
    token: number;
    proof: string;
}, { signal, priority, onProgress, limit }: Manner & {
    limit?: TimeLimit | undefined;
}): Promise<Uint8Array<ArrayBuffer>>;
/**
 * A request to the application, answered with 2xx.
 *
 * @param {Omit<Endpoint, "endpoint">} options
 * @param {string} url
 * @param {RequestInit} init
 * @throws {FetchError | RefusedError}
 */
export declare function ask(options: Omit<Endpoint, "endpoint">, url: string, init: RequestInit): Promise<Response>;
/**
 * @param {unknown} cause
 * @returns {never}
 */
export declare function unreached(cause: unknown): never;
/**
 * A response, where its status is 2xx.
 *
 * @param {Response} response
 * @throws {FetchError | RefusedError}
 */
export declare function accepted(response: Response): Response;
