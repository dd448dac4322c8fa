/**
 * The browser client of pixstore_asgi, with the function names of the npm package `pixstore`.
 *
 * These functions share one client, which `initPixstoreFrontend` replaces. `createClient` makes further clients.
 */
import { createClient } from "./client.js";
export type ImageFetcher = import("./network/fetch.js").ImageFetcher;
export type ImageRecord = import("./format/records.js").ImageRecord;
export type WirePayload = import("./format/wire.js").WirePayload;
export type Client = import("./client.js").Client;
export type ImageResult = import("./images/get-image.js").ImageResult;
export type Stats = import("./client.js").Stats;
export type ObjectUrl = import("./images/object-urls.js").ObjectUrl;
export type Removed = import("./images/removal.js").Removed;
export type ImageOptions = import("./options/options.js").ImageOptions;
export type OnProgress = import("./options/options.js").OnProgress;
export type NpmConfig = import("./options/npm-names.js").NpmConfig;
export type Priority = import("./options/options.js").Priority;
export type PixstoreConfig = import("./options/options.js").PixstoreConfig;
export type RefreshRecord = import("./options/options.js").RefreshRecord;
export type RefreshRecords = import("./options/options.js").RefreshRecords;
/**
 * Configure the functions below. Call this before their first call, because it replaces their client: loads under way
 * reject with an AbortError. Without it, the functions use the defaults.
 *
 * @param {PixstoreConfig & NpmConfig} [config]
 * @param {ImageFetcher} [customImageFetcher]  replaces requests to `config.endpoint`
 * @throws {ConfigError} for an unknown option or an unusable value
 */
export declare function initPixstoreFrontend(config?: PixstoreConfig & NpmConfig, customImageFetcher?: ImageFetcher): void;
/**
 * Get the image of a record: from the cache if this version is there, otherwise over the network.
 *
 * @param {ImageRecord} record
 * @param {ImageOptions} [options]
 * @returns {Promise<Blob>}  the decrypted image with its MIME type
 * @throws {RecordError | ConfigError} if the record or an option is unusable
 * @throws {FetchError | NotFoundError | RefusedError | ServerError | WireError | DecryptError} if the download fails;
 *   also the error of a custom fetcher or `refreshRecord`, and the reason of an aborted `signal`
 */
export declare const getImage: (record: ImageRecord, options?: ImageOptions) => Promise<Blob>;
/**
 * Get the images of many records, each as soon as it is ready. Leaving the loop aborts the remaining images.
 *
 * @param {Iterable<ImageRecord>} records
 * @param {ImageOptions} [options]
 * @returns {ReturnType<Client["getImages"]>}  yields each record with its `blob`, or with its `error` if the image
 *   failed
 * @throws {ConfigError} if an option is unusable; also the reason of an aborted `signal`
 */
export declare const getImages: (records: Iterable<ImageRecord>, options?: ImageOptions) => ReturnType<Client["getImages"]>;
/**
 * Get the image of a record as a `blob:` URL, which all its holders share.
 *
 * @param {ImageRecord} record
 * @param {ImageOptions} [options]
 * @returns {Promise<ObjectUrl>}  call its `release` when the image is no longer shown
 * @throws as getImage
 */
export declare const objectUrl: (record: ImageRecord, options?: ImageOptions) => Promise<ObjectUrl>;
/**
 * Return the `blob:` URL of an image that is in memory.
 *
 * @param {ImageRecord} record
 * @returns {ObjectUrl | undefined}  undefined if the image is not in memory
 */
export declare const peek: (record: ImageRecord) => ObjectUrl | undefined;
/**
 * Fetch a fresh record of an image or of a variant from the source that the configuration names.
 *
 * @param {string} id
 * @param {unknown} [context]  passed to `refreshRecord`
 * @returns {Promise<ImageRecord>}
 * @throws {NotFoundError} if there is no such image
 * @throws {ConfigError} if no source is configured
 * @throws {RecordError | FetchError | RefusedError} if the source fails; also the error of your own function
 */
export declare const getRecord: (id: string, context?: unknown) => Promise<ImageRecord>;
/**
 * Return the headers of your own request for records. The server then seals the records to this page.
 *
 * @returns {Promise<Record<string, string>>}  none if the page has no WebCrypto
 */
export declare const recipientHeaders: () => Promise<Record<string, string>>;
/**
 * Call a listener when images must disappear from the page.
 *
 * @param {(removed: Removed) => void} listener
 * @returns {() => void}  removes the listener
 */
export declare const onRemoved: (listener: (removed: Removed) => void) => () => void;
/**
 * Remove an image and its variants from memory and cache, in all tabs.
 *
 * @param {string} id
 * @returns {Promise<boolean>}  whether there was any
 * @throws {CacheError} if the storage fails, because the image may still be stored
 */
export declare const deleteCachedImage: (id: string) => Promise<boolean>;
/**
 * Remove every image of this namespace, in all tabs, and abort the loads under way, as at sign-out.
 *
 * @returns {Promise<void>}
 * @throws {CacheError} if the storage fails, because images may still be stored
 */
export declare const clear: () => Promise<void>;
/**
 * Tell whether any version of an image is cached.
 *
 * @param {string} id
 * @returns {Promise<boolean>}
 */
export declare const cachedImageExists: (id: string) => Promise<boolean>;
/**
 * Count the cached images and bytes, and the answers of this client.
 *
 * @returns {Promise<Stats>}
 */
export declare const stats: () => Promise<Stats>;
export { createClient };
export { createFetcher } from "./network/fetch.js";
export { CacheError, ConfigError, DecryptError, FetchError, NotFoundError, PixstoreError, RecordError, RefusedError, ServerError, WireError, } from "./errors.js";
export { WireState } from "./errors.js";
export { decodePayload } from "./format/wire.js";
