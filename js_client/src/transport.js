/** Brings wire payloads: those asked for in one tick in batches, others each by a request of its own. */

import { withRoom } from "./body.js";
import { postBatch } from "./batch.js";
import { ConfigError } from "./errors.js";
import { get } from "./fetcher.js";
import { gather } from "./gather.js";
import { createQueue } from "./queue.js";

/** @import { OnReceived } from "./body.js" */
/** @import { ImageFetcher } from "./fetcher.js" */
/** @import { Priority } from "./queue.js" */
/** @import { ImageRecord, ParsedRecord } from "./records.js" */

/**
 * @typedef {object} Download
 * @property {ImageRecord} record  for a fetcher
 * @property {ParsedRecord} parsed
 * @property {unknown} context
 * @property {Priority} priority
 * @property {AbortSignal} signal
 * @property {OnReceived} onProgress
 */

/** @typedef {Uint8Array<ArrayBuffer>} Body  with room behind it, see body.js */

/**
 * A download that is to be answered.
 *
 * @typedef {object} Call
 * @property {Download} download
 * @property {(body: Body | Promise<Body>) => void} resolve
 * @property {(reason: unknown) => void} reject
 */

/**
 * @param {object} options
 * @param {string} options.endpoint
 * @param {number} options.parallel  most requests at once
 * @param {ImageFetcher} [fetcher]  instead of requests to the endpoint
 * @returns {(download: Download) => Promise<Body>}  rejects with FetchError, RefusedError or ConfigError
 */
export function createTransport({ endpoint, parallel }, fetcher) {
  const queue = createQueue(parallel);
  if (fetcher) return (download) => queue(download.priority, () => byFetcher(fetcher, download));

  /** @type {boolean | undefined} whether the endpoint takes batches, as far as is known: npm's does not */
  let takesBatches;

  /** @param {Call} call */
  function sendAlone({ download, resolve }) {
    const body = queue(download.priority, () => get(endpoint, download.parsed, download));
    resolve(body);
    return body;
  }

  /** @param {Call[]} calls */
  async function sendTogether(calls) {
    const unanswered = new Set(calls);
    try {
      const priority = priorityOf(calls);
      await queue(priority, () => postBatch(endpoint, unanswered, priority));
      takesBatches = true;
    } catch (error) {
      // A server that is away says nothing of batches.
      if (takesBatches || Object(error).status >= 500) for (const { reject } of unanswered) reject(error);
      // Where single requests succeed, it was the batch that failed: no further one is tried.
      else {
        await Promise.any([...unanswered].map(sendAlone)).then(
          () => (takesBatches = false),
          () => {},
        );
      }
    }
  }

  /** @param {Call[]} calls */
  function send(calls) {
    // Another origin asks a preflight for a request with headers, and none for a batch.
    if (takesBatches === false || (calls.length === 1 && !isRemote(endpoint))) calls.forEach(sendAlone);
    else sendTogether(calls);
  }

  return gather(async (/** @type {Download[]} */ downloads) => {
    /** @type {Call[]} */
    const calls = [];
    /** @param {Download} download */
    const answer = (download) => new Promise((resolve, reject) => calls.push({ download, resolve, reject }));
    const bodies = downloads.map(answer);
    batchesOf(calls).forEach(send);
    return bodies;
  });
}

/**
 * @param {ImageFetcher} fetcher
 * @param {Download} download
 */
async function byFetcher(fetcher, { record, context, signal }) {
  const body = await fetcher(record, context, { signal });
  // By its tag: an array from another frame is no instance of this frame's Uint8Array.
  if (Object.prototype.toString.call(body) === "[object Uint8Array]") return withRoom(body);
  throw new ConfigError("the fetcher must resolve to a Uint8Array of the whole response body");
}

/**
 * Calls of one priority and of distinct ids, together; `gather` hands out no more than a batch takes.
 *
 * @param {Call[]} calls
 */
function batchesOf(calls) {
  /** @type {Call[][]} */
  const batches = [];
  for (const call of calls) {
    const { priority, parsed } = call.download;
    const fitting = batches.find(
      (batch) => priorityOf(batch) === priority && batch.every(({ download }) => download.parsed.id !== parsed.id),
    );
    if (fitting) fitting.push(call);
    else batches.push([call]);
  }
  return batches;
}

/** @param {Call[]} calls */
const priorityOf = ([first]) => first?.download.priority ?? "auto";

/** @param {string} endpoint */
function isRemote(endpoint) {
  const { location, document } = globalThis;
  return Boolean(location) && new URL(endpoint, document?.baseURI ?? location.href).origin !== location.origin;
}
