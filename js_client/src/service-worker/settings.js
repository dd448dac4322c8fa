/** What the worker goes by: it is killed and started again without a word, so all of it stands in its own URL. */

import { ConfigError } from "../errors.js";
import { endpointBeside } from "../options/endpoint.js";

/** @import { PixstoreConfig } from "../options/options.js" */

/** What a page's client may have, too, so that both find the same images, and one `clear` reaches both. */
const NAMES = ["recordsUrl", "namespace", "databaseName", "cache"];

/**
 * @param {string} href  of the worker
 * @returns {PixstoreConfig & {endpoint: string, recordsUrl: string}}
 * @throws {ConfigError} where the records would come from elsewhere: whoever could name that would choose the pictures
 */
export function settingsIn(href) {
  const { origin, pathname, searchParams } = new URL(href);
  const given = Object.fromEntries([...searchParams].filter(([name]) => NAMES.includes(name)));
  const records = new URL(given.recordsUrl ?? "about:blank", origin);
  // A blob: URL of a page has the page's origin, too.
  if (!records.href.startsWith(`${origin}/`)) throw new ConfigError("recordsUrl must be a URL of this origin");
  const endpoint = new URL(endpointBeside(origin + pathname), origin).href.replace(/\/$/, "");
  return { ...given, recordsUrl: records.href, endpoint };
}
