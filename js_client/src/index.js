/**
 * The browser client of pixstore_asgi, under the names of the npm package `pixstore`.
 *
 * The functions share one client, which `initPixstoreFrontend` replaces; `createClient` makes others.
 */

import { createClient } from "./client.js";
import { createFetcher } from "./fetcher.js";

/** @import { CachedImageExists, Clear, DeleteCachedImage, GetImage } from "./client.js" */

/**
 * @typedef {import("./fetcher.js").ImageFetcher} ImageFetcher
 * @typedef {import("./records.js").ImageRecord} ImageRecord
 * @typedef {import("./wire.js").WirePayload} WirePayload
 * @typedef {import("./client.js").Client} Client
 * @typedef {import("./options.js").PixstoreConfig} PixstoreConfig
 */

/** @type {Readonly<Client> | undefined} */
let client;

const current = () => (client ??= createClient());

/**
 * Configure the functions below. Without it they work with the defaults.
 *
 * @param {PixstoreConfig} [config]
 * @param {ImageFetcher} [customImageFetcher]  instead of a GET to `config.endpoint`
 * @throws {ConfigError} for an unknown option or an unusable value
 */
export function initPixstoreFrontend(config = {}, customImageFetcher) {
  client = createClient(config, customImageFetcher);
}

/** @type {GetImage} */
export const getImage = (record, context) => current().getImage(record, context);

/** @type {DeleteCachedImage} */
export const deleteCachedImage = (id) => current().deleteCachedImage(id);

/** @type {Clear} */
export const clear = () => current().clear();

/** @type {CachedImageExists} */
export const cachedImageExists = (id) => current().cachedImageExists(id);

export { createClient, createFetcher };
export {
  CacheError,
  ConfigError,
  DecryptError,
  FetchError,
  PixstoreError,
  RecordError,
  StateError,
  WireError,
} from "./errors.js";
export { WireState } from "./states.js";
export { decodePayload } from "./wire.js";
