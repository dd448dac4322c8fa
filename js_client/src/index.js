/**
 * The browser client of pixstore_asgi, under the names of the npm package `pixstore`.
 *
 * The functions share one client, which `initPixstoreFrontend` replaces; `createClient` makes others.
 */

import { createClient } from "./client.js";
import { translateNpmNames } from "./options/npm-names.js";

/**
 * @typedef {import("./network/fetch.js").ImageFetcher} ImageFetcher
 * @typedef {import("./format/records.js").ImageRecord} ImageRecord
 * @typedef {import("./format/wire.js").WirePayload} WirePayload
 * @typedef {import("./client.js").Client} Client
 * @typedef {import("./images/get-images.js").ImageResult} ImageResult
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
 * Configure the functions below, before their first call: what is under way ends. Without it they work with the defaults.
 *
 * @param {PixstoreConfig & NpmConfig} [config]
 * @param {ImageFetcher} [customImageFetcher]  instead of requests to `config.endpoint`
 * @throws {ConfigError} for an unknown option or an unusable value
 */
export function initPixstoreFrontend(config = {}, customImageFetcher) {
  const replaced = client;
  client = createClient(translateNpmNames(config), customImageFetcher);
  replaced?.close();
}

/**
 * The image of a record, out of the cache if this version is there, else over the network.
 *
 * @type {Client["getImage"]}
 */
export const getImage = (record, options) => current().getImage(record, options);

/**
 * The images of many records, each as soon as it is ready; one that fails comes as an error.
 *
 * @type {Client["getImages"]}
 */
export const getImages = (records, options) => current().getImages(records, options);

/**
 * The image of a record as a `blob:` URL, to be released when it is no longer shown.
 *
 * @type {Client["objectUrl"]}
 */
export const objectUrl = (record, options) => current().objectUrl(record, options);

/**
 * The same at once, where the image is in memory.
 *
 * @type {Client["peek"]}
 */
export const peek = (record) => current().peek(record);

/**
 * A fresh record of an image or of a variant.
 *
 * @type {Client["getRecord"]}
 */
export const getRecord = (id, context) => current().getRecord(id, context);

/**
 * Be told when images must go from the page.
 *
 * @type {Client["onRemoved"]}
 */
export const onRemoved = (listener) => current().onRemoved(listener);

/**
 * Remove an image and its variants from memory and cache, also in other tabs, and tell whether there was one of them.
 *
 * @type {Client["deleteCachedImage"]}
 */
export const deleteCachedImage = (id) => current().deleteCachedImage(id);

/**
 * Remove every image of this namespace, also in other tabs, and end what is under way, as at sign-out.
 *
 * @type {Client["clear"]}
 */
export const clear = () => current().clear();

/**
 * Tell whether an image is kept, whichever version of it.
 *
 * @type {Client["cachedImageExists"]}
 */
export const cachedImageExists = (id) => current().cachedImageExists(id);

/**
 * Count what is kept, and what has been answered.
 *
 * @type {Client["stats"]}
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
export { WireState } from "./states.js";
export { decodePayload } from "./format/wire.js";
