/** The option names of the npm package `pixstore`, so that a page can change its import only. */

import { ConfigError } from "./errors.js";

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

const RENAMED = new Map([
  ["frontendImageCacheLimit", "cacheLimit"],
  ["frontendCleanupBatch", "cleanupBatch"],
  ["frontendDbName", "databaseName"],
  ["defaultEndpointConnectHost", "endpoint"],
  ["defaultEndpointConnectPort", "endpoint"],
  ["defaultEndpointRoute", "endpoint"],
]);

const NEEDLESS = ["imageFormats", "frontendDbVersion", "imageStoreName", "errorHandlingMode"];

const NPM_PORT = 3001;

/**
 * Replace npm's names by ours; other names stay as they are.
 *
 * @param {PixstoreConfig & NpmConfig} config
 * @returns {PixstoreConfig}
 * @throws {ConfigError} for an npm name without a meaning here, and for an option given under both names
 */
export function translateNpmNames(config) {
  if (Object(config) !== config) return config;
  /** @type {Record<string, unknown>} */
  const given = { __proto__: null, ...config };
  /** @type {Record<string, unknown>} */
  const options = {};
  for (const [npmName, value] of Object.entries(given)) {
    if (NEEDLESS.includes(npmName)) throw new ConfigError(`${npmName} has no meaning here: leave it out`);
    const name = RENAMED.get(npmName) ?? npmName;
    if (name !== npmName && (given[name] ?? null) !== null) {
      throw new ConfigError(`give ${name} or ${npmName}, not both`);
    }
    options[name] = name === npmName ? value : translated(name, value, given);
  }
  return options;
}

/**
 * @param {string} name
 * @param {unknown} value
 * @param {Record<string, unknown>} given
 */
function translated(name, value, given) {
  if (name === "endpoint") return endpointOf(given);
  // A database of npm's own client may exist under its name, with other object stores in it.
  return name === "databaseName" ? `${value}-asgi` : value;
}

/** @param {Record<string, unknown>} given */
function endpointOf({
  defaultEndpointConnectHost: host,
  defaultEndpointConnectPort: port,
  defaultEndpointRoute: route,
}) {
  const path = route ?? "/pixstore-image";
  if (host === undefined && port === undefined) return path;
  const address = `${host}:${port ?? NPM_PORT}`;
  if (/^[^\s/?#@\\]+:\d+\//.test(`${address}${path}`) && host) {
    // Without a scheme the browser takes the page's own: an HTTPS page is never sent to plain HTTP.
    return `//${address}${path}`;
  }
  throw new ConfigError(
    "npm's endpoint is defaultEndpointConnectHost, a host name, …Port, and …Route with a slash first",
  );
}
