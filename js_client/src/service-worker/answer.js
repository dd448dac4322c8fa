/**
 * The worker's settings, and its responses: the image for requests of `<img>` and CSS, a refusal for any other request
 * below their path.
 */

import { ConfigError } from "../errors.js";
import { isImageId } from "../format/ids.js";
import { endpointBeside } from "../options/endpoint.js";

/** @import { Client } from "../client.js" */
/** @import { PixstoreConfig } from "../options/options.js" */

/**
 * The parts of a request that decide about the response.
 *
 * @typedef {Pick<Request, "url" | "method" | "mode" | "destination" | "signal">} FetchRequest
 */

/** Options that the worker shares with the page's client, so that both use one cache and one `clear` reaches both. */
const NAMES = ["recordsUrl", "namespace", "databaseName", "cache", "keyPair", "offline"];

/** The headers of every response: it may be shown, but neither stored nor run. */
const HEADERS = {
  "cache-control": "no-store",
  "content-security-policy": "sandbox; default-src 'none'",
  "cross-origin-resource-policy": "same-origin",
  "x-content-type-options": "nosniff",
};

/** Raster images only, because an SVG is a document and may hold scripts. */
const SHOWN = /^image\/(png|webp|jpeg|gif|avif)$/;

/** @type {Record<string, number>} */
const STATUS = { NotFoundError: 404, RefusedError: 403 };

/**
 * Read the worker's settings. They are in its URL, because browsers stop and restart a worker at any time.
 *
 * @param {string} href  URL of the worker
 * @param {PixstoreConfig} [own]  the settings that a service worker of the application gives in place of its URL
 * @returns {PixstoreConfig & {endpoint: string, recordsUrl: string}}
 * @throws {ConfigError} if `recordsUrl` is on another origin, because a foreign URL would choose the pictures
 */
export function settingsIn(href, own) {
  const { origin, pathname, searchParams } = new URL(href);
  /** @type {any} */
  const { offline, ...given } = own ?? Object.fromEntries([...searchParams].filter(([name]) => NAMES.includes(name)));
  const records = new URL(given.recordsUrl ?? "about:blank", origin);
  // Compare the href, because the origin of a blob: URL is the page's.
  if (!records.href.startsWith(`${origin}/`)) throw new ConfigError("recordsUrl must be a URL of this origin");
  const endpoint = new URL(own?.endpoint ?? endpointBeside(origin + pathname), origin).href.replace(/\/$/, "");
  // In a URL every value is a text.
  return { ...given, ...(String(offline) === "true" && { offline: true }), recordsUrl: records.href, endpoint };
}

/**
 * @param {Pick<Client, "getRecord" | "getImage" | "onRemoved">} client
 * @param {string} images  the URL prefix of all images
 * @returns {(request: FetchRequest) => Promise<Response> | undefined}  undefined if the request is not for an image
 */
export function createAnswer(client, images) {
  let clears = 0;
  client.onRemoved(({ type }) => void (clears += Number(type === "cleared")));

  /** @param {FetchRequest} request */
  async function answer({ url, method, mode, destination, signal }) {
    if (method !== "GET" || mode === "navigate" || destination !== "image") {
      return refusal(403, "the address of an image is for <img> and CSS: it can't be opened, embedded or fetched");
    }
    const id = idIn(url.slice(images.length));
    if (!isImageId(id)) return refusal(404, "this is no image id");
    try {
      // Fetch the record each time: the session's rights may have changed, and the key is never stored.
      const before = clears;
      const record = await client.getRecord(id);
      // The user has signed out meanwhile: loading the image would cache it again.
      if (clears > before) return refusal(502, "the cache was cleared");
      const image = await client.getImage(record, { signal });
      if (!SHOWN.test(image.type)) return refusal(415, "this is no picture of pixels");
      // WebKit sends a Blob after the response, and breaks off if a newer worker takes over meanwhile. An ArrayBuffer
      // is safe.
      return new Response(await image.arrayBuffer(), { headers: { ...HEADERS, "content-type": image.type } });
    } catch (error) {
      const { name, message } = Object(error);
      return refusal(STATUS[name] ?? 502, `${name}: ${message}`);
    }
  }

  return (request) => (request.url.startsWith(images) ? answer(request) : undefined);
}

/**
 * Decode the id from the rest of a URL. A malformed one gives an empty string.
 *
 * @param {string} rest
 */
function idIn(rest) {
  try {
    // A query is allowed, so that a page can give each version its own URL.
    return decodeURIComponent(rest.replace(/[?#].*/s, ""));
  } catch {
    return "";
  }
}

/**
 * @param {number} status
 * @param {string} text
 */
const refusal = (status, text) =>
  new Response(text, { status, headers: { ...HEADERS, "content-type": "text/plain; charset=utf-8" } });
