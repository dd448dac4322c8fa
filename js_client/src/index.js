/**
 * The browser client of pixstore_asgi, under the names of the npm package `pixstore`.
 *
 * The functions share one client, which `initPixstoreFrontend` replaces; `createClient` makes others.
 */

import { createClient } from "./client.js";
import { translateNpmNames } from "./npm-names.js";

/** @import { CachedImageExists, Clear, DeleteCachedImage, GetImage, GetImages } from "./client.js" */

/**
 * @typedef {import("./fetcher.js").ImageFetcher} ImageFetcher
 * @typedef {import("./records.js").ImageRecord} ImageRecord
 * @typedef {import("./wire.js").WirePayload} WirePayload
 * @typedef {import("./client.js").Client} Client
 * @typedef {import("./client.js").ImageResult} ImageResult
 * @typedef {import("./client.js").Stats} Stats
 * @typedef {import("./options.js").ImageOptions} ImageOptions
 * @typedef {import("./npm-names.js").NpmConfig} NpmConfig
 * @typedef {import("./options.js").PixstoreConfig} PixstoreConfig
 * @typedef {import("./options.js").RefreshRecord} RefreshRecord
 */

/** @type {Readonly<Client> | undefined} */
let client;

const current = () => (client ??= createClient());

/**
 * Configure the functions below. Without it they work with the defaults.
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

/** @type {GetImage} */
export const getImage = (record, options) => current().getImage(record, options);

/** @type {GetImages} */
export const getImages = (records, options) => current().getImages(records, options);

/** @type {DeleteCachedImage} */
export const deleteCachedImage = (id) => current().deleteCachedImage(id);

/** @type {Clear} */
export const clear = () => current().clear();

/** @type {CachedImageExists} */
export const cachedImageExists = (id) => current().cachedImageExists(id);

/** @returns {Promise<Stats>} */
export const stats = () => current().stats();

export { createClient };
export { createFetcher } from "./fetcher.js";
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
export { decodePayload } from "./wire.js";
