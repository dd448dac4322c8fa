/** Configuration: every option checked, defaults filled in. */
import type { CacheError } from "../errors.js";
import type { ImageRecord } from "../format/records.js";
export type RefreshRecord = (id: string, context: any) => ImageRecord | null | Promise<ImageRecord | null>;
export type RefreshRecords = (ids: string[]) => Promise<Record<string, ImageRecord> | ImageRecord[]>;
export type PerRequest<Value> = Value | (() => Value | Promise<Value>);
export type Priority = typeof PRIORITIES[number];
export type CacheKind = typeof CACHE_KINDS[number];
export type OnProgress = (received: {
    id: string;
    loaded: number;
    total: number;
}) => void;
export type PixstoreConfig = {
    /**
     * URL or path that image ids are appended to; default: where this client was
     * loaded from a mounted PixstoreApp, that mount, else "/pixstore-image"
     */
    endpoint?: string | undefined;
    /**
     * what is kept; default "encrypted"
     */
    cache?: CacheKind | undefined;
    /**
     * IndexedDB database; default "pixstore-asgi"
     */
    databaseName?: string | undefined;
    /**
     * whose images these are, such as a user's id: no other namespace sees
     * them; default none
     */
    namespace?: string | undefined;
    /**
     * most images kept, at least 1; default 1000
     */
    cacheLimit?: number | undefined;
    /**
     * most bytes kept; default 512 MiB
     */
    cacheBytes?: number | undefined;
    /**
     * most bytes of images kept in memory; default 32 MiB
     */
    memoryBytes?: number | undefined;
    /**
     * images evicted beyond the excess, fewer than `cacheLimit`; default a
     * twentieth of `cacheLimit`
     */
    cleanupBatch?: number | undefined;
    /**
     * called once where a proof has expired; default none
     */
    refreshRecord?: RefreshRecord | undefined;
    /**
     * instead, for all images whose proofs have expired at about
     * the same time
     */
    refreshRecords?: RefreshRecords | undefined;
    /**
     * instead, where a RecordsApp is mounted, or what answers as it does
     */
    recordsUrl?: string | undefined;
    /**
     * sent along with each request; default none
     */
    headers?: PerRequest<HeadersInit | undefined> | undefined;
    /**
     * default "same-origin"
     */
    credentials?: PerRequest<RequestCredentials | undefined> | undefined;
    /**
     * how long a request may bring nothing; default 60 000
     */
    timeoutMs?: number | undefined;
    /**
     * further attempts where the network or the server failed; default 3
     */
    retries?: number | undefined;
    /**
     * most requests at once; default 6
     */
    parallel?: number | undefined;
    /**
     * told of every storage failure; images are
     * served all the same
     */
    onCacheError?: ((error: CacheError) => void) | undefined;
};
export type ImageOptions = {
    /**
     * leaves the call; the request ends where nobody else waits for it
     */
    signal?: AbortSignal | undefined;
    /**
     * told how many bytes of the response have come
     */
    onProgress?: OnProgress | undefined;
    /**
     * handed to a fetcher of your own and to `refreshRecord`
     */
    context?: unknown;
    /**
     * instead of the client's own
     */
    refreshRecord?: RefreshRecord | undefined;
    /**
     * "high", "auto" (default) or "low"
     */
    priority?: Priority | undefined;
};
export type Options = {
    /**
     * without a trailing slash
     */
    endpoint: string;
    cache: CacheKind;
    databaseName: string;
    namespace: string;
    cacheLimit: number;
    cacheBytes: number;
    memoryBytes: number;
    cleanupBatch: number;
    refreshRecord?: RefreshRecord;
    refreshRecords?: RefreshRecords;
    recordsUrl?: string;
    headers?: PerRequest<HeadersInit | undefined>;
    credentials?: PerRequest<RequestCredentials | undefined>;
    timeoutMs: number;
    retries: number;
    parallel: number;
    onCacheError: (error: CacheError) => void;
};
/** In the order in which they are served. */
export declare const PRIORITIES: readonly ["high", "auto", "low"];
declare const CACHE_KINDS: readonly ["encrypted", "decrypted", "memory", "off"];
/**
 * Whether images are kept in the browser's storage, where other tabs find them.
 *
 * @param {CacheKind} kind
 */
export declare const isStored: (kind: CacheKind) => kind is "decrypted" | "encrypted";
/**
 * Check a configuration and fill in the defaults. An option that is undefined or null counts as not given.
 *
 * @param {PixstoreConfig} config
 * @returns {Readonly<Options>}
 * @throws {ConfigError} for an unknown name or an unusable value
 */
export declare function resolveOptions(config: PixstoreConfig): Readonly<Options>;
/**
 * What is sent along with one request.
 *
 * @param {Pick<Options, "headers" | "credentials">} options
 * @returns {Promise<{headers?: HeadersInit, credentials?: RequestCredentials}>}
 * @throws {ConfigError} for an unusable value, and what a function of the application throws
 */
export declare function requestOptions({ headers, credentials }: Pick<Options, "headers" | "credentials">): Promise<{
    headers?: HeadersInit;
    credentials?: RequestCredentials;
}>;
/**
 * Check what `getImage` was given beside the record.
 *
 * @param {ImageOptions} options
 * @returns {ImageOptions}
 * @throws {ConfigError}
 */
export declare const checkedImageOptions: (options: ImageOptions) => ImageOptions;
export {};
