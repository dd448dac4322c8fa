/**
 * The browser client of pixstore_asgi, with the function names of the npm package `pixstore`.
 *
 * These functions share one client, which `initPixstoreFrontend` replaces. `createClient` makes further clients.
 */

import { createClient } from "./client.js";
import { translateNpmNames } from "./options/npm-names.js";

/**
 * @typedef {import("./network/fetch.js").ImageFetcher} ImageFetcher
 * @typedef {import("./format/records.js").ImageRecord} ImageRecord
 * @typedef {import("./format/wire.js").WirePayload} WirePayload
 * @typedef {import("./client.js").Client} Client
 * @typedef {import("./images/get-image.js").ImageResult} ImageResult
 * @typedef {import("./client.js").Stats} Stats
 * @typedef {import("./images/object-urls.js").ObjectUrl} ObjectUrl
 * @typedef {import("./images/removal.js").Removed} Removed
 * @typedef {import("./options/options.js").ImageOptions} ImageOptions
 * @typedef {import("./options/options.js").OnProgress} OnProgress
 * @typedef {import("./options/npm-names.js").NpmConfig} NpmConfig
 * @typedef {import("./options/options.js").Priority} Priority
 * @typedef {import("./options/options.js").PixstoreConfig} PixstoreConfig
 * @typedef {import("./options/options.js").RefreshRecord} RefreshRecord
 * @typedef {import("./options/options.js").RefreshRecords} RefreshRecords
 */

/** @type {Readonly<Client> | undefined} */
let client;

const current = () => (client ??= createClient());

/**
 * Configure the functions below. Call this before their first call, because it replaces their client: loads under way
 * reject with an AbortError. Without it, the functions use the defaults.
 *
 * @param {PixstoreConfig & NpmConfig} [config]
 * @param {ImageFetcher} [customImageFetcher]  replaces requests to `config.endpoint`
 * @throws {ConfigError} for an unknown option or an unusable value
 */
export function initPixstoreFrontend(config = {}, customImageFetcher) {
  const replaced = client;
  client = createClient(translateNpmNames(config), customImageFetcher);
  replaced?.close();
}

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
export const getImage = (record, options) => current().getImage(record, options);

/**
 * Get the images of many records, each as soon as it is ready. Leaving the loop aborts the remaining images.
 *
 * @param {Iterable<ImageRecord>} records
 * @param {ImageOptions} [options]
 * @returns {ReturnType<Client["getImages"]>}  yields each record with its `blob`, or with its `error` if the image
 *   failed
 * @throws {ConfigError} if an option is unusable; also the reason of an aborted `signal`
 */
export const getImages = (records, options) => current().getImages(records, options);

/**
 * Get the image of a record as a `blob:` URL, which all its holders share.
 *
 * @param {ImageRecord} record
 * @param {ImageOptions} [options]
 * @returns {Promise<ObjectUrl>}  call its `release` when the image is no longer shown
 * @throws as getImage
 */
export const objectUrl = (record, options) => current().objectUrl(record, options);

/**
 * Return the `blob:` URL of an image that is in memory.
 *
 * @param {ImageRecord} record
 * @returns {ObjectUrl | undefined}  undefined if the image is not in memory
 */
export const peek = (record) => current().peek(record);

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
export const getRecord = (id, context) => current().getRecord(id, context);

/**
 * Return the headers of your own request for records. The server then seals the records to this page.
 *
 * @returns {Promise<Record<string, string>>}  none if the page has no WebCrypto
 */
export const recipientHeaders = () => current().recipientHeaders();

/**
 * Call a listener when images must disappear from the page.
 *
 * @param {(removed: Removed) => void} listener
 * @returns {() => void}  removes the listener
 */
export const onRemoved = (listener) => current().onRemoved(listener);

/**
 * Remove an image and its variants from memory and cache, in all tabs.
 *
 * @param {string} id
 * @returns {Promise<boolean>}  whether there was any
 * @throws {CacheError} if the storage fails, because the image may still be stored
 */
export const deleteCachedImage = (id) => current().deleteCachedImage(id);

/**
 * Remove every image of this namespace, in all tabs, and abort the loads under way, as at sign-out.
 *
 * @returns {Promise<void>}
 * @throws {CacheError} if the storage fails, because images may still be stored
 */
export const clear = () => current().clear();

/**
 * Tell whether any version of an image is cached.
 *
 * @param {string} id
 * @returns {Promise<boolean>}
 */
export const cachedImageExists = (id) => current().cachedImageExists(id);

/**
 * Count the cached images and bytes, and the answers of this client.
 *
 * @returns {Promise<Stats>}
 */
export const stats = () => current().stats();

export { createClient };
export { createFetcher } from "./network/fetch.js";
export {
  CacheError,
  ConfigError,
  DecryptError,
  FetchError,
  NotFoundError,
  PixstoreError,
  RecordError,
  RefusedError,
  ServerError,
  WireError,
} from "./errors.js";
export { WireState } from "./errors.js";
export { decodePayload } from "./format/wire.js";
