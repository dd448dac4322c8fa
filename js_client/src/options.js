/** Configuration: every option checked, defaults filled in. */

import { callback, integer, oneOf, text } from "./checks.js";
import { ConfigError } from "./errors.js";
import { NPM_NAMES, translateNpmNames } from "./npm-names.js";

/** @import { CacheError } from "./errors.js" */

/**
 * What `createClient` and `initPixstoreFrontend` take. The last six are names of the npm package `pixstore`, accepted
 * so that a page can change its import only.
 *
 * @typedef {object} PixstoreConfig
 * @property {string | undefined} [endpoint]  URL or path that image ids are appended to; default: where this client was
 *   loaded from a mounted PixstoreApp, that mount, else "/pixstore-image"
 * @property {"encrypted" | "decrypted" | "off" | undefined} [cache]  what IndexedDB keeps; default "encrypted"
 * @property {string | undefined} [databaseName]  IndexedDB database; default "pixstore-asgi"
 * @property {number | undefined} [cacheLimit]  most images kept, at least 1; default 1000
 * @property {number | undefined} [cleanupBatch]  images evicted beyond the excess, fewer than `cacheLimit`; default a
 *   twentieth of `cacheLimit`
 * @property {((error: CacheError) => void) | undefined} [onCacheError]  told of every storage failure; images are
 *   served all the same
 * @property {string | undefined} [defaultEndpointConnectHost]  host of the endpoint; the scheme is the page's own
 * @property {number | undefined} [defaultEndpointConnectPort]  port on that host; default 3001, as in the npm package
 * @property {string | undefined} [defaultEndpointRoute]  path of the endpoint; default "/pixstore-image"
 * @property {string | undefined} [frontendDbName]  names the database `<frontendDbName>-asgi`
 * @property {number | undefined} [frontendImageCacheLimit]  `cacheLimit`
 * @property {number | undefined} [frontendCleanupBatch]  `cleanupBatch`
 */

/**
 * @typedef {object} Options
 * @property {string} endpoint  without a trailing slash
 * @property {"encrypted" | "decrypted" | "off"} cache
 * @property {string} databaseName
 * @property {number} cacheLimit
 * @property {number} cleanupBatch
 * @property {(error: CacheError) => void} onCacheError
 */

const NAMES = ["endpoint", "cache", "databaseName", "cacheLimit", "cleanupBatch", "onCacheError"];

/**
 * Check a configuration and fill in the defaults. An option that is undefined or null counts as not given.
 *
 * @param {PixstoreConfig} config
 * @returns {Readonly<Options>}
 * @throws {ConfigError} for an unknown name or an unusable value
 */
export function resolveOptions(config) {
  if (typeof config !== "object" || config === null) throw new ConfigError("the configuration must be an object");
  const given = translateNpmNames(givenIn(config));
  Object.keys(given).forEach(refuseUnknown);
  const cacheLimit = integer("cacheLimit", given["cacheLimit"] ?? 1000, 1);
  return Object.freeze({
    endpoint: endpointFrom(given["endpoint"] ?? endpointBeside(import.meta.url)),
    cache: oneOf("cache", given["cache"] ?? "encrypted", /** @type {const} */ (["encrypted", "decrypted", "off"])),
    databaseName: text("databaseName", given["databaseName"] ?? "pixstore-asgi"),
    cacheLimit,
    cleanupBatch: integer("cleanupBatch", given["cleanupBatch"] ?? Math.floor(cacheLimit / 20), 0, cacheLimit - 1),
    onCacheError: callback("onCacheError", config.onCacheError ?? (() => {})),
  });
}

/**
 * The images are served beside the client: a module at `https://host/my/mount/-/client/index.js` belongs to `/my/mount`.
 *
 * @param {string} moduleUrl
 */
export function endpointBeside(moduleUrl) {
  const end = moduleUrl.lastIndexOf("/-/client/");
  return end < 0 ? "/pixstore-image" : moduleUrl.slice(0, end);
}

/** @param {object} config */
const givenIn = (config) => Object.fromEntries(Object.entries(config).filter(([, value]) => (value ?? null) !== null));

/** @param {string} name */
function refuseUnknown(name) {
  if (NAMES.includes(name)) return;
  throw new ConfigError(`${name} is no option; there are ${NAMES.join(", ")}, and npm's ${NPM_NAMES.join(", ")}`);
}

/** @param {unknown} value */
function endpointFrom(value) {
  const endpoint = text("endpoint", value);
  if (/[?#]/.test(endpoint)) throw new ConfigError("endpoint can't hold a query or a fragment: image ids are appended");
  return endpoint.replace(/\/+$/, "");
}
