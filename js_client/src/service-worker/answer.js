/** What the worker answers to requests for images: to `<img>` and CSS the image, to all else below their path a refusal. */

import { isImageId } from "../format/ids.js";

/** @import { Client } from "../client.js" */

/**
 * What is looked at of a request.
 *
 * @typedef {Pick<Request, "url" | "method" | "mode" | "destination" | "signal">} ImageRequest
 */

/** Of everything that is sent: it is shown, and neither kept nor run. */
const HEADERS = {
  "cache-control": "no-store",
  "content-security-policy": "sandbox; default-src 'none'",
  "cross-origin-resource-policy": "same-origin",
  "x-content-type-options": "nosniff",
};

/** Pictures of pixels: an SVG is a document, which may hold scripts. */
const SHOWN = /^image\/(png|webp|jpeg|gif|avif)$/;

/** @type {Record<string, number>} */
const STATUS = { NotFoundError: 404, RefusedError: 403 };

/**
 * @param {Pick<Client, "getRecord" | "getImage" | "onRemoved">} client
 * @param {string} images  what the URLs of all images begin with
 * @returns {(request: ImageRequest) => Promise<Response> | undefined}  nothing where the request is for something else
 */
export function createAnswer(client, images) {
  let clears = 0;
  client.onRemoved(({ type }) => void (clears += Number(type === "cleared")));

  /** @param {ImageRequest} request */
  async function answer({ url, method, mode, destination, signal }) {
    if (method !== "GET" || mode === "navigate" || destination !== "image") {
      return refusal(403, "the address of an image is for <img> and CSS: it can't be opened, embedded or fetched");
    }
    const id = idIn(url.slice(images.length));
    if (!isImageId(id)) return refusal(404, "this is no image id");
    try {
      // Each time anew, since it is what the session may see now; and the key in it is kept nowhere.
      const before = clears;
      const record = await client.getRecord(id);
      // Somebody has signed out meanwhile: a picture would be kept again.
      if (clears > before) return refusal(502, "the cache was cleared");
      const image = await client.getImage(record, { signal });
      if (!SHOWN.test(image.type)) return refusal(415, "this is no picture of pixels");
      // WebKit sends a Blob only after this worker has answered, and breaks it off where a newer one takes over then.
      return new Response(await image.arrayBuffer(), { headers: { ...HEADERS, "content-type": image.type } });
    } catch (error) {
      const { name, message } = Object(error);
      return refusal(STATUS[name] ?? 502, `${name}: ${message}`);
    }
  }

  return (request) => (request.url.startsWith(images) ? answer(request) : undefined);
}

/**
 * The id in what follows in a URL; empty for what is not encoded as one.
 *
 * @param {string} rest
 */
function idIn(rest) {
  try {
    // A page may want an address for each version, which takes a query.
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
