/**
 * The outcomes of a request, and all errors, under one root. An error message names the failure and the remedy. It never
 * contains a key, a proof or image bytes.
 */
/** The outcomes of a request: the first byte of every wire payload. */
export declare const WireState: Readonly<{
    Success: 0;
    Updated: 1;
    NotFound: 2;
    MissingID: 3;
    MissingProof: 4;
    InvalidProof: 5;
    InternalError: 6;
}>;
export type WireStateNumber = typeof WireState[keyof typeof WireState];
export type ErrorDetails = {
    reason?: string;
    state?: number;
    status?: number;
    retryAfterMs?: number | undefined;
    cause?: unknown;
};
/** @typedef {typeof WireState[keyof typeof WireState]} WireStateNumber */
/**
 * @typedef {object} ErrorDetails
 * @property {string} [reason]
 * @property {number} [state]
 * @property {number} [status]
 * @property {number | undefined} [retryAfterMs]
 * @property {unknown} [cause]
 */
/**
 * The base class of all errors of this package.
 *
 * @template {string} [Reason=string]
 */
export declare class PixstoreError<Reason extends string = string> extends Error {
    /** @type {Reason | undefined} the kind of failure, for programs */
    reason: Reason | undefined;
    /** @type {WireStateNumber | undefined} the wire state that the server answered with, if it did */
    state: WireStateNumber | undefined;
    /** @type {number | undefined} HTTP status of the response, if there was one; 0 for a redirect, which browsers hide */
    status: number | undefined;
    /** @type {number | undefined} milliseconds to wait before a retry, if the server sent Retry-After */
    retryAfterMs: number | undefined;
    /**
     * @param {string} message
     * @param {ErrorDetails} [details]
     */
    constructor(message: string, { cause, ...details }?: ErrorDetails);
}
/**
 * An option is unknown, its value is unusable, or a custom fetcher returned no bytes. The message names the option.
 *
 * @extends {PixstoreError<never>}
 */
export declare class ConfigError extends PixstoreError<never> {
}
/**
 * A value is no image record. `reason` names the wrong part; "sealed" also means that the record is sealed to another
 * page.
 *
 * @extends {PixstoreError<"shape" | "id" | "token" | "key" | "sealed" | "iv" | "tag" | "proof">}
 */
export declare class RecordError extends PixstoreError<"shape" | "id" | "token" | "key" | "sealed" | "iv" | "tag" | "proof"> {
}
/**
 * The request failed: no network (`cause`), no progress within the time limit, or an HTTP status outside 2xx
 * (`status`).
 *
 * @extends {PixstoreError<never>}
 */
export declare class FetchError extends PixstoreError<never> {
}
/**
 * There is no image with this id, or it was deleted.
 *
 * @extends {PixstoreError<"NotFound">}
 */
export declare class NotFoundError extends PixstoreError<"NotFound"> {
}
/**
 * The server refused the request: by a wire state, or by HTTP status 401 or 403. The `reason` is then "authorize".
 *
 * @extends {PixstoreError<"MissingID" | "MissingProof" | "InvalidProof" | "authorize">}
 */
export declare class RefusedError extends PixstoreError<"MissingID" | "MissingProof" | "InvalidProof" | "authorize"> {
}
/**
 * The server failed, by the wire state InternalError.
 *
 * @extends {PixstoreError<"InternalError">}
 */
export declare class ServerError extends PixstoreError<"InternalError"> {
}
export type WireReason = "empty" | "unknown-state" | "truncated" | "no-ciphertext" | "trailing-bytes" | "token-range";
/** @typedef {"empty" | "unknown-state" | "truncated" | "no-ciphertext" | "trailing-bytes" | "token-range"} WireReason */
/**
 * A response is no wire payload.
 *
 * @extends {PixstoreError<WireReason>}
 */
export declare class WireError extends PixstoreError<WireReason> {
}
/**
 * An image cannot be decrypted. `reason` is "tag" (damaged, or encrypted with another key), "format-byte" (the client
 * does not know the format) or "no-image" (only a format byte).
 *
 * @extends {PixstoreError<"tag" | "format-byte" | "no-image">}
 */
export declare class DecryptError extends PixstoreError<"tag" | "format-byte" | "no-image"> {
}
/**
 * The browser's storage failed, with its own error as `cause`. `reason` is "unavailable" (the page has no usable
 * IndexedDB) or "failed" (an operation on IndexedDB failed).
 *
 * @extends {PixstoreError<"unavailable" | "failed">}
 */
export declare class CacheError extends PixstoreError<"unavailable" | "failed"> {
}
/**
 * Make the error of a wire state without an image.
 *
 * @param {number} state  2 to 6
 */
export declare function stateError(state: number): NotFoundError | RefusedError | ServerError;
/**
 * Make the error of an HTTP status outside 2xx.
 *
 * @param {number} status
 * @param {string | null} [retryAfter]  the header Retry-After: seconds or an HTTP date
 */
export declare function statusError(status: number, retryAfter?: string | null): FetchError | RefusedError;
/**
 * Whether the same request may succeed later.
 *
 * @param {unknown} error
 */
export declare function mayPass(error: unknown): boolean;
