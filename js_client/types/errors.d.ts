/**
 * The one error tree. Messages say what was wrong and what to do; they never hold a key, a proof or image bytes.
 */
import type { WireStateNumber } from "./states.js";
export type ErrorDetails = {
    reason?: string;
    state?: number;
    status?: number;
    retryAfterMs?: number | undefined;
    cause?: unknown;
};
/** @import { WireStateNumber } from "./states.js" */
/**
 * @typedef {object} ErrorDetails
 * @property {string} [reason]
 * @property {number} [state]
 * @property {number} [status]
 * @property {number | undefined} [retryAfterMs]
 * @property {unknown} [cause]
 */
/**
 * Root of every error this package raises.
 *
 * @template {string} [Reason=string]
 */
export declare class PixstoreError<Reason extends string = string> extends Error {
    /** @type {Reason | undefined} machine-readable kind of the failure */
    reason: Reason | undefined;
    /** @type {WireStateNumber | undefined} one of WireState, where the server answered with one */
    state: WireStateNumber | undefined;
    /** @type {number | undefined} HTTP status, where there was a response; 0 for a redirect, which browsers hide */
    status: number | undefined;
    /** @type {number | undefined} how long the server asked to be left alone, where it did */
    retryAfterMs: number | undefined;
    /**
     * @param {string} message
     * @param {ErrorDetails} [details]
     */
    constructor(message: string, { cause, ...details }?: ErrorDetails);
}
/**
 * An option is unknown, or its value can't work, or the fetcher gives no bytes; the message names it.
 *
 * @extends {PixstoreError<never>}
 */
export declare class ConfigError extends PixstoreError<never> {
}
/**
 * A value is no image record; `reason` is the part that is wrong.
 *
 * @extends {PixstoreError<"shape" | "id" | "token" | "key" | "iv" | "tag" | "proof">}
 */
export declare class RecordError extends PixstoreError<"shape" | "id" | "token" | "key" | "iv" | "tag" | "proof"> {
}
/**
 * No answer came: the network failed (`cause`), the time was up, or the HTTP status says so (`status`).
 *
 * @extends {PixstoreError<never>}
 */
export declare class FetchError extends PixstoreError<never> {
}
/**
 * There is no such image (any more).
 *
 * @extends {PixstoreError<"NotFound">}
 */
export declare class NotFoundError extends PixstoreError<"NotFound"> {
}
/**
 * The server refused: by a wire state, or as "authorize" by the HTTP `status` 401 or 403.
 *
 * @extends {PixstoreError<"MissingID" | "MissingProof" | "InvalidProof" | "authorize">}
 */
export declare class RefusedError extends PixstoreError<"MissingID" | "MissingProof" | "InvalidProof" | "authorize"> {
}
/**
 * The server failed: wire state InternalError.
 *
 * @extends {PixstoreError<"InternalError">}
 */
export declare class ServerError extends PixstoreError<"InternalError"> {
}
export type WireReason = "empty" | "unknown-state" | "truncated" | "no-ciphertext" | "trailing-bytes" | "token-range";
/** @typedef {"empty" | "unknown-state" | "truncated" | "no-ciphertext" | "trailing-bytes" | "token-range"} WireReason */
/**
 * Bytes are no wire payload.
 *
 * @extends {PixstoreError<WireReason>}
 */
export declare class WireError extends PixstoreError<WireReason> {
}
/**
 * An image can't be read; `reason` is tag (damaged, or encrypted under another key), format-byte (a format this
 * client doesn't know) or no-image (nothing but the format byte).
 *
 * @extends {PixstoreError<"tag" | "format-byte" | "no-image">}
 */
export declare class DecryptError extends PixstoreError<"tag" | "format-byte" | "no-image"> {
}
/**
 * The browser's storage failed; `cause` is its error. `reason` is unavailable (there is no usable IndexedDB) or failed
 * (it is there, and an operation on it failed).
 *
 * @extends {PixstoreError<"unavailable" | "failed">}
 */
export declare class CacheError extends PixstoreError<"unavailable" | "failed"> {
}
/**
 * The error of a wire state that brings no image.
 *
 * @param {number} state  2 to 6
 */
export declare function stateError(state: number): NotFoundError | RefusedError | ServerError;
/**
 * The error of an HTTP status outside 2xx.
 *
 * @param {number} status
 * @param {string | null} [retryAfter]  seconds, or an HTTP date
 */
export declare function statusError(status: number, retryAfter?: string | null): FetchError | RefusedError;
/**
 * Whether the same request may do better later.
 *
 * @param {unknown} error
 */
export declare function mayPass(error: unknown): boolean;
