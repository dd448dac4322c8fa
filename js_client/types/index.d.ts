/**
 * The browser client of pixstore_asgi, under the names of the npm package `pixstore`.
 *
 * The functions share one client, which `initPixstoreFrontend` replaces; `createClient` makes others.
 */
import { createClient } from "./client.js";
export type ImageFetcher = import("./network/fetch.js").ImageFetcher;
export type ImageRecord = import("./format/records.js").ImageRecord;
export type WirePayload = import("./format/wire.js").WirePayload;
export type Client = import("./client.js").Client;
export type ImageResult = import("./images/get-images.js").ImageResult;
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
 * Configure the functions below, before their first call: what is under way ends. Without it they work with the defaults.
 *
 * @param {PixstoreConfig & NpmConfig} [config]
 * @param {ImageFetcher} [customImageFetcher]  instead of requests to `config.endpoint`
 * @throws {ConfigError} for an unknown option or an unusable value
 */
export declare function initPixstoreFrontend(config?: PixstoreConfig & NpmConfig, customImageFetcher?: ImageFetcher): void;
/**
 * The image of a record, out of the cache if this version is there, else over the network.
 *
 * @type {Client["getImage"]}
 */
export declare const getImage: Client["getImage"];
/**
 * The images of many records, each as soon as it is ready; one that fails comes as an error.
 *
 * @type {Client["getImages"]}
 */
export declare const getImages: Client["getImages"];
/**
 * The image of a record as a `blob:` URL, to be released when it is no longer shown.
 *
 * @type {Client["objectUrl"]}
 */
export declare const objectUrl: Client["objectUrl"];
/**
 * The same at once, where the image is in memory.
 *
 * @type {Client["peek"]}
 */
export declare const peek: Client["peek"];
/**
 * A fresh record of an image or of a variant.
 *
 * @type {Client["getRecord"]}
 */
export declare const getRecord: Client["getRecord"];
/**
 * Be told when images must go from the page.
 *
 * @type {Client["onRemoved"]}
 */
export declare const onRemoved: Client["onRemoved"];
/**
 * Remove an image and its variants from memory and cache, also in other tabs, and tell whether there was one of them.
 *
 * @type {Client["deleteCachedImage"]}
 */
export declare const deleteCachedImage: Client["deleteCachedImage"];
/**
 * Remove every image of this namespace, also in other tabs, and end what is under way, as at sign-out.
 *
 * @type {Client["clear"]}
 */
export declare const clear: Client["clear"];
/**
 * Tell whether an image is kept, whichever version of it.
 *
 * @type {Client["cachedImageExists"]}
 */
export declare const cachedImageExists: Client["cachedImageExists"];
/**
 * Count what is kept, and what has been answered.
 *
 * @type {Client["stats"]}
 */
export declare const stats: Client["stats"];
export { createClient };
export { createFetcher } from "./network/fetch.js";
export { CacheError, ConfigError, DecryptError, FetchError, NotFoundError, PixstoreError, RecordError, RefusedError, ServerError, WireError, } from "./errors.js";
export { WireState } from "./states.js";
export { decodePayload } from "./format/wire.js";
