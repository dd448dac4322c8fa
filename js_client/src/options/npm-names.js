/** The option names of the npm package `pixstore`, so that a page can change its import only. */

import { ConfigError } from "../errors.js";
import { DEFAULT_ENDPOINT } from "./endpoint.js";

/** @import { PixstoreConfig } from "./options.js" */

/**
 * What `initPixstoreFrontend` also takes.
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
 * Replace npm's names by ours; other names stay as they are.
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
  // A database of npm's own client may exist under its name, with other object stores in it.
  const databaseName = frontendDbName && `${frontendDbName}-asgi`;
  const renamed = { cacheLimit, cleanupBatch, databaseName, endpoint: endpointOf(host, port, route) };
  for (const [name, value] of Object.entries(renamed)) {
    if ((value ?? null) === null) continue;
    if ((options[name] ?? null) !== null) throw new ConfigError(`give ${name} or its npm name, not both`);
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
  if ((host ?? port ?? null) === null) return path;
  const address = `${host}:${port ?? NPM_PORT}${path ?? DEFAULT_ENDPOINT}`;
  // Without a scheme the browser takes the page's own: an HTTPS page is never sent to plain HTTP.
  if (host && /^[^\s/?#@\\]+:\d+\//.test(address)) return `//${address}`;
  throw new ConfigError(
    "npm's endpoint is defaultEndpointConnectHost, a host name, …Port, and …Route with a slash first",
  );
}
