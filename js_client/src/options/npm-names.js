/** Accepts the option names of the npm package `pixstore`, so that a page only has to change its import. */

import { ConfigError } from "../errors.js";
import { DEFAULT_ENDPOINT } from "./endpoint.js";

/** @import { PixstoreConfig } from "./options.js" */

/**
 * Options of the npm package that `initPixstoreFrontend` also accepts.
 *
 * @typedef {object} NpmConfig
 * @property {string | undefined} [defaultEndpointConnectHost]  host of the endpoint; the scheme is the page's own
 * @property {number | undefined} [defaultEndpointConnectPort]  port on that host; default 3001, as in the npm package
 * @property {string | undefined} [defaultEndpointRoute]  path of the endpoint; default "/pixstore-image"
 * @property {string | undefined} [frontendDbName]  names the database `<frontendDbName>-asgi`
 * @property {number | undefined} [frontendImageCacheLimit]  `cacheLimit`
 * @property {number | undefined} [frontendCleanupBatch]  `cleanupBatch`
 */

const NPM_PORT = 3001;

/**
 * Replace npm's option names by ours. Other names stay.
 *
 * @param {PixstoreConfig & NpmConfig} config
 * @returns {PixstoreConfig}
 * @throws {ConfigError} for an option given under both names
 */
export function translateNpmNames(config) {
  if (Object(config) !== config) return config;
  const {
    frontendDbName,
    frontendImageCacheLimit: cacheLimit,
    frontendCleanupBatch: cleanupBatch,
    defaultEndpointConnectHost: host,
    defaultEndpointConnectPort: port,
    defaultEndpointRoute: route,
    ...others
  } = /** @type {PixstoreConfig & NpmConfig} */ ({ __proto__: null, ...config });
  /** @type {Record<string, unknown>} */
  const options = { __proto__: null, ...others };
  // The npm client may have made a database of that name with other object stores.
  const databaseName = frontendDbName && `${frontendDbName}-asgi`;
  const renamed = { cacheLimit, cleanupBatch, databaseName, endpoint: endpointOf(host, port, route) };
  for (const [name, value] of Object.entries(renamed)) {
    if (value == null) continue;
    if (options[name] != null) throw new ConfigError(`give ${name} or its npm name, not both`);
    options[name] = value;
  }
  return options;
}

/**
 * @param {unknown} host
 * @param {unknown} port
 * @param {any} path
 * @returns {string | undefined}
 */
function endpointOf(host, port, path) {
  if ((host ?? port) == null) return path;
  const address = `${host}:${port ?? NPM_PORT}${path ?? DEFAULT_ENDPOINT}`;
  // Without a scheme the browser uses the page's own, so an HTTPS page never uses plain HTTP.
  if (host && /^[^\s/?#@\\]+:\d+\//.test(address)) return `//${address}`;
  throw new ConfigError("defaultEndpointConnectHost must be a host name, and defaultEndpointRoute a path");
}
