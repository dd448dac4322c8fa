/** Brings wire payloads: those asked for in one tick in batches, others each by a request of its own. */

import { coalesce } from "../coalesce.js";
import { ConfigError, PixstoreError, mayPass } from "../errors.js";
import { BATCH_LIMIT } from "../format/batch.js";
import { WireState } from "../states.js";
import { postBatch, watch } from "./batch.js";
import { withRoom } from "./body.js";
import { createQueue } from "./queue.js";
import { get } from "./request.js";

/** @import { ImageRecord, ParsedRecord } from "../format/records.js" */
/** @import { Priority } from "../options/options.js" */
/** @import { OnReceived } from "./body.js" */
/** @import { Endpoint, ImageFetcher } from "./request.js" */
/** @import { TimeLimit } from "./time-limit.js" */

/**
 * @typedef {object} Download
 * @property {ImageRecord} record  for a fetcher
 * @property {ParsedRecord} parsed
 * @property {unknown} context
 * @property {Priority} priority
 * @property {AbortSignal} signal
 * @property {TimeLimit} limit  runs from its request on
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
 * @param {Endpoint & {parallel: number}} options  `parallel`: most requests at once
 * @param {ImageFetcher} [fetcher]  instead of requests to the endpoint
 * @returns {(download: Download) => Promise<Body>}  rejects with FetchError, RefusedError, WireError or ConfigError
 */
export function createTransport(options, fetcher) {
  if (fetcher && (options.headers || options.credentials)) {
    throw new ConfigError("headers and credentials can't be given beside a fetcher");
  }
  const queue = createQueue(options.parallel);
  const isOwnOrigin = !isRemote(options.endpoint);

  /** @param {Download} download */
  const fetchAlone = (download) =>
    queue(download.priority, download.signal, () => {
      download.limit.start();
      return fetcher ? byFetcher(fetcher, download) : get(options, download.parsed, download);
    });
  if (fetcher) return fetchAlone;

  /** Above 1, the endpoint takes no batches, as npm's; it takes them for good once it has answered one. */
  let doubts = 0;

  /** @param {Call} call */
  function sendAlone({ download, resolve }) {
    const body = fetchAlone(download);
    resolve(body);
    return body;
  }

  /** @param {Call[]} calls */
  async function sendTogether(calls) {
    const unanswered = new Set(calls);
    const wanted = watch(unanswered);
    const priority = priorityOf(calls);
    let asked = 0;
    const error = await queue(priority, wanted.signal, () => {
      for (const call of unanswered) {
        if (call.download.signal.aborted) unanswered.delete(call);
        else call.download.limit.start();
      }
      asked = unanswered.size;
      return postBatch(options, unanswered, priority, wanted);
    }).catch((reason) => reason);
    if (unanswered.size < asked) doubts = -Infinity;
    const [first, ...others] = unanswered;
    let failure = error;
    if (first && doubts >= 0 && mayBeOfBatch(error)) {
      // One of them alone, and only where that is answered better than the batch, the others too.
      failure = await sendAlone(first).catch((reason) => reason);
      if (!mayPass(failure) && (failure?.[0] <= WireState.InternalError || failure?.status !== error.status)) {
        // A network that failed once is no answer.
        doubts += error.status ? 2 : 1;
        return others.forEach(sendAlone);
      }
    }
    unanswered.forEach(({ reject }) => reject(mayPass(failure) ? failure : error));
  }

  /**
   * Whether single requests may succeed where a batch fails: not where the server is away or busy. A network error may
   * be an answer that another origin hides.
   *
   * @param {any} error
   */
  const mayBeOfBatch = (error) =>
    error instanceof PixstoreError &&
    (!mayPass(error) || (error.status === undefined && !(error.cause && isOwnOrigin)));

  /** @param {Call[]} calls */
  function send(calls) {
    // Another origin asks a preflight for a request with headers, and none for a batch.
    if (doubts > 1 || (calls.length === 1 && isOwnOrigin)) calls.forEach(sendAlone);
    else sendTogether(calls);
  }

  return coalesce(async (/** @type {Download[]} */ downloads) => {
    /** @type {Call[]} */
    const calls = [];
    /** @param {Download} download */
    const answer = (download) => new Promise((resolve, reject) => calls.push({ download, resolve, reject }));
    const bodies = downloads.map(answer);
    batchesOf(calls).forEach(send);
    return bodies;
  }, BATCH_LIMIT);
}

/**
 * @param {ImageFetcher} fetcher
 * @param {Download} download
 */
async function byFetcher(fetcher, { record, context, signal }) {
  const body = await fetcher(record, context, { signal });
  // An array from another frame is no instance of this frame's Uint8Array.
  if (Object(body).BYTES_PER_ELEMENT === 1) return withRoom([body]);
  throw new ConfigError("the fetcher must resolve to a Uint8Array");
}

/**
 * Calls of one priority and of distinct ids, together.
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
