/** The option names of the npm package `pixstore`, so that a page can change its import only. */

import { integer, text } from "./checks.js";
import { ConfigError } from "./errors.js";

const RENAMED = new Map([
  ["frontendImageCacheLimit", "cacheLimit"],
  ["frontendCleanupBatch", "cleanupBatch"],
  ["frontendDbName", "databaseName"],
  ["defaultEndpointConnectHost", "endpoint"],
  ["defaultEndpointConnectPort", "endpoint"],
  ["defaultEndpointRoute", "endpoint"],
]);

/** @type {ReadonlyMap<string, string>} */
const NOT_NEEDED = new Map([
  ["imageFormats", "every format has a fixed byte here"],
  ["frontendDbVersion", "this client has a database and a layout of its own"],
  ["imageStoreName", "this client has a database and a layout of its own"],
  ["errorHandlingMode", "every failure rejects with a PixstoreError; catch it where you call getImage"],
]);

const NPM_PORT = 3001;

/** The npm names that are understood. */
export const NPM_NAMES = [...RENAMED.keys()];

/**
 * Replace npm's names by ours; other names stay as they are.
 *
 * @param {Record<string, unknown>} given
 * @returns {Record<string, unknown>}
 * @throws {ConfigError} for an npm name without a meaning here, and for an option given under both names
 */
export function translateNpmNames(given) {
  Object.keys(given).forEach((name) => refuseUnneeded(name));
  const npmNames = NPM_NAMES.filter((name) => name in given);
  npmNames.forEach((name) => refuseDouble(given, name));
  const own = Object.entries(given).filter(([name]) => !RENAMED.has(name));
  return { ...Object.fromEntries(own), ...Object.fromEntries(npmNames.map((name) => translated(given, name))) };
}

/** @param {string} name */
function refuseUnneeded(name) {
  const reason = NOT_NEEDED.get(name);
  if (reason) throw new ConfigError(`${name} has no meaning here, leave it out: ${reason}`);
}

/**
 * @param {Record<string, unknown>} given
 * @param {string} npmName
 */
function refuseDouble(given, npmName) {
  const name = String(RENAMED.get(npmName));
  if (name in given) throw new ConfigError(`give ${name} or ${npmName}, not both`);
}

/**
 * @param {Record<string, unknown>} given
 * @param {string} npmName
 * @returns {[string, unknown]}
 */
function translated(given, npmName) {
  const name = String(RENAMED.get(npmName));
  if (name === "endpoint") return [name, endpointOf(given)];
  // A database of npm's own client may exist under its name, with other object stores in it.
  if (name === "databaseName") return [name, `${text(npmName, given[npmName])}-asgi`];
  return [name, given[npmName]];
}

/** @param {Record<string, unknown>} given */
function endpointOf({
  defaultEndpointConnectHost: host,
  defaultEndpointConnectPort: port,
  defaultEndpointRoute: route = "/pixstore-image",
}) {
  if (host === undefined && port === undefined) return route;
  if (host === undefined) throw new ConfigError("defaultEndpointConnectPort needs defaultEndpointConnectHost");
  // Without a scheme the browser takes the page's own: an HTTPS page is never sent to plain HTTP.
  return `//${hostName(host)}:${integer("defaultEndpointConnectPort", port ?? NPM_PORT, 1, 65535)}${path(route)}`;
}

/** @param {unknown} value */
function hostName(value) {
  const host = text("defaultEndpointConnectHost", value);
  if (!/[\s/?#@\\]/.test(host)) return host;
  throw new ConfigError("defaultEndpointConnectHost is a host name alone, such as 127.0.0.1");
}

/** @param {unknown} value */
function path(value) {
  const route = text("defaultEndpointRoute", value);
  if (route.startsWith("/")) return route;
  throw new ConfigError("defaultEndpointRoute must start with a slash");
}
