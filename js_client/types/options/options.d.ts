/** The configuration of a client: checks every option and fills in the defaults. */
import type { CacheError } from "../errors.js";
import type { ImageRecord } from "../format/records.js";
export type RefreshRecord = (id: string, context: any) => ImageRecord | null | Promise<ImageRecord | null>;
export type RefreshRecords = (ids: string[]) => Promise<Record<string, ImageRecord> | ImageRecord[]>;
export type PerRequest<Value> = Value | (() => Value | Promise<Value>);
export type Priority = typeof PRIORITIES[number];
export type CacheKind = typeof CACHE_KINDS[number];
export type KeyPair = typeof KEY_PAIRS[number];
export type OnProgress = (received: {
    id: string;
    loaded: number;
    total: number;
}) => void;
export type PixstoreConfig = {
    /**
     * URL or path that image ids are appended to; default: the mounted
     * PixstoreApp that served this client, otherwise "/pixstore-image"
     */
    endpoint?: string | undefined;
    /**
     * the form in which images are cached; default "encrypted"
     */
    cache?: CacheKind | undefined;
    /**
     * true: show the last pictures while the application can't be reached; implies
     * `keyPair: "stored"`; default false
     */
    offline?: boolean | undefined;
    /**
     * IndexedDB database; default "pixstore-asgi"
     */
    databaseName?: string | undefined;
    /**
     * the owner of the cached images, such as a user's id; other namespaces do
     * not see them; default none
     */
    namespace?: string | undefined;
    /**
     * most images in the cache, at least 1; default 1000
     */
    cacheLimit?: number | undefined;
    /**
     * most bytes in the cache; default 512 MiB
     */
    cacheBytes?: number | undefined;
    /**
     * most bytes of images in memory; default 32 MiB
     */
    memoryBytes?: number | undefined;
    /**
     * images evicted beyond the excess, fewer than `cacheLimit`; default
     * `cacheLimit` / 20
     */
    cleanupBatch?: number | undefined;
    /**
     * starts the worker that decrypts, `pixstore-worker.js`, if the page must
     * create its URL, as under Trusted Types; default: the file beside this one
     */
    worker?: (() => Worker) | undefined;
    /**
     * called once per image if its proof has expired; default none
     */
    refreshRecord?: RefreshRecord | undefined;
    /**
     * the same for several images, if their proofs expire at about
     * the same time
     */
    refreshRecords?: RefreshRecords | undefined;
    /**
     * URL of a mounted RecordsApp, or of an API that answers in the same way;
     * used if neither function is given
     */
    recordsUrl?: string | undefined;
    /**
     * place of the key pair to which the server seals records: "memory" (default),
     * one pair per client; or "stored", one pair per namespace in IndexedDB, for sealed records that outlive the page
     */
    keyPair?: KeyPair | undefined;
    /**
     * sent with each request; default none
     */
    headers?: PerRequest<HeadersInit | undefined> | undefined;
    /**
     * default "same-origin"
     */
    credentials?: PerRequest<RequestCredentials | undefined> | undefined;
    /**
     * milliseconds that an image may make no progress; default 60 000
     */
    timeoutMs?: number | undefined;
    /**
     * further attempts if the network or the server failed; default 3
     */
    retries?: number | undefined;
    /**
     * most requests at once; default 6
     */
    parallel?: number | undefined;
    /**
     * called with every storage failure; images are
     * served nevertheless
     */
    onCacheError?: ((error: CacheError) => void) | undefined;
};
export type ImageOptions = {
    /**
     * ends the call; the request ends too if no other call waits for it
     */
    signal?: AbortSignal | undefined;
    /**
     * called as bytes of the response arrive
     */
    onProgress?: OnProgress | undefined;
    /**
     * passed to a custom fetcher and to `refreshRecord`
     */
    context?: unknown;
    /**
     * replaces the client's own
     */
    refreshRecord?: RefreshRecord | undefined;
    /**
     * "high", "auto" (default) or "low"
     */
    priority?: Priority | undefined;
};
export type WithoutDefault = "headers" | "credentials" | "offline" | "recordsUrl" | "refreshRecord" | "refreshRecords" | "worker";
export type Options = Pick<PixstoreConfig, WithoutDefault> & {
    [Name in Exclude<keyof PixstoreConfig, WithoutDefault>]-?: NonNullable<PixstoreConfig[Name]>;
};
/** The most urgent first. */
export declare const PRIORITIES: readonly ["high", "auto", "low"];
declare const CACHE_KINDS: readonly ["encrypted", "decrypted", "memory", "off"];
declare const KEY_PAIRS: readonly ["memory", "stored"];
/**
 * Whether images are kept in the browser's storage, which all tabs share.
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
 * Return the headers and credentials of one request.
 *
 * @param {Pick<Options, "headers" | "credentials">} options
 * @returns {Promise<{headers?: HeadersInit, credentials?: RequestCredentials}>}
 * @throws {ConfigError} for an unusable value, and the error of an application's function
 */
export declare function requestOptions({ headers, credentials }: Pick<Options, "headers" | "credentials">): Promise<{
    headers?: HeadersInit;
    credentials?: RequestCredentials;
}>;
/**
 * Check the options of `getImage`.
 *
 * @param {ImageOptions} options
 * @returns {ImageOptions}
 * @throws {ConfigError} for an unknown option or an unusable value
 */
export declare const checkedImageOptions: (options: ImageOptions) => ImageOptions;
export {};
