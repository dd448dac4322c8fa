/** HTTP requests to the application, and the GET of one image. */
import type { ImageRecord } from "../format/records.js";
import type { Options, Priority } from "../options/options.js";
import type { OnReceived } from "./body.js";
import type { TimeLimit } from "./limits.js";
export type ImageFetcher = (record: ImageRecord, context: any, request: {
    signal: AbortSignal;
}) => Promise<Uint8Array>;
export type FetchOptions = {
    signal?: AbortSignal | undefined;
    priority?: Priority | undefined;
    onProgress?: OnReceived | undefined;
};
export type Endpoint = Pick<Options, "endpoint" | "headers" | "credentials">;
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
export declare const createFetcher: (endpoint: string) => (record: ImageRecord, context?: any, request?: FetchOptions) => Promise<Uint8Array<ArrayBuffer>>;
/**
 * @param {Endpoint} options
 * @param {{id: string, token: number, proof: string}} record
 * @param {FetchOptions & {limit?: TimeLimit | undefined}} request
 */
export declare function get(options: Endpoint, { id, token, proof }: {
    id: string;
    token: number;
    proof: string;
}, { signal, priority, onProgress, limit }: FetchOptions & {
    limit?: TimeLimit | undefined;
}): Promise<Uint8Array<ArrayBuffer>>;
/**
 * Send a request to the application and resolve to its response with status 2xx.
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
 * Return a response with status 2xx; throw for any other.
 *
 * @param {Response} response
 * @throws {FetchError | RefusedError}
 */
export declare function accepted(response: Response): Response;
/**
 * Whether a URL is on another origin than the page.
 *
 * @param {string} url
 */
export declare function isRemote(url: string): boolean;
