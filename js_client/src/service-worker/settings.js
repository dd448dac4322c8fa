/** The worker's settings. They are in its URL, because browsers stop and restart a worker at any time. */

import { ConfigError } from "../errors.js";
import { endpointBeside } from "../options/endpoint.js";

/** @import { PixstoreConfig } from "../options/options.js" */

/** Options that the worker shares with the page's client, so that both use one cache and one `clear` reaches both. */
const NAMES = ["recordsUrl", "namespace", "databaseName", "cache"];

/**
 * @param {string} href  URL of the worker
 * @returns {PixstoreConfig & {endpoint: string, recordsUrl: string}}
 * @throws {ConfigError} if `recordsUrl` is on another origin, because a foreign URL would choose the pictures
 */
export function settingsIn(href) {
  const { origin, pathname, searchParams } = new URL(href);
  const given = Object.fromEntries([...searchParams].filter(([name]) => NAMES.includes(name)));
  const records = new URL(given.recordsUrl ?? "about:blank", origin);
  // Compare the href, because the origin of a blob: URL is the page's.
  if (!records.href.startsWith(`${origin}/`)) throw new ConfigError("recordsUrl must be a URL of this origin");
  const endpoint = new URL(endpointBeside(origin + pathname), origin).href.replace(/\/$/, "");
  return { ...given, recordsUrl: records.href, endpoint };
}
