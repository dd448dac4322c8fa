/** Fetches wire payloads, in batches or alone, and limits how many requests run at once. */

import { BATCH_LIMIT, coalesce } from "../coalesce.js";
import { ConfigError, mayPass } from "../errors.js";
import { abortIfUnwanted, postBatch } from "./batch.js";
import { batchesOf, createBatching } from "./batching.js";
import { withRoom } from "./body.js";
import { get, isRemote } from "./fetch.js";
import { createQueue } from "./limits.js";
import { createPipeline } from "./pipeline.js";

/** @import { Body } from "./body.js" */
/** @import { Endpoint, ImageFetcher } from "./fetch.js" */
/** @import { Batch } from "./pipeline.js" */
/** @import { ImageRequest } from "./request.js" */

/**
 * @param {Endpoint & {parallel: number}} options  `parallel`: the most requests at once
 * @param {ImageFetcher} [fetcher]  replaces requests to the endpoint
 * @returns {(request: ImageRequest) => Promise<Body>}  rejects with FetchError, RefusedError, WireError or ConfigError
 */
export function createTransport(options, fetcher) {
  if (fetcher && (options.headers || options.credentials)) {
    throw new ConfigError("headers and credentials can't be given beside a fetcher");
  }
  const queue = createQueue(options.parallel);

  /** @param {ImageRequest} request */
  const fetchAlone = (request) =>
    queue(request.priority, request.signal, () => {
      request.limit.start();
      return fetcher ? byFetcher(fetcher, request) : get(options, request.parsed, request);
    });
  if (fetcher) return fetchAlone;

  const batching = createBatching(!isRemote(options.endpoint));
  const pipeline = createPipeline();

  /** @param {ImageRequest} request */
  function sendAlone(request) {
    const body = fetchAlone(request);
    request.resolve(body);
    return body;
  }

  /** @param {ImageRequest[]} requests  of one priority */
  async function sendTogether(requests) {
    const unanswered = new Set(requests);
    const unwanted = abortIfUnwanted(unanswered);
    const { priority } = /** @type {ImageRequest} */ (requests[0]);
    /** @type {Batch} */
    const batch = { priority, unanswered };
    await pipeline.start(batch);
    const error = await queue(priority, unwanted.signal, () => {
      for (const request of unanswered) {
        if (request.signal.aborted) unanswered.delete(request);
        else request.limit.start();
      }
      return postBatch(options, batch, unwanted, pipeline.advance);
    }).catch((reason) => reason);
    pipeline.end(batch);
    if (batch.isAnswered) batching.trust();
    const [first, ...others] = unanswered;
    let outcome = error;
    if (first && batching.mayWorkAlone(error)) {
      outcome = await sendAlone(first).catch((reason) => reason);
      if (batching.doubt(error, outcome)) return others.forEach(sendAlone);
    }
    unanswered.forEach(({ reject }) => reject(mayPass(outcome) ? outcome : error));
  }

  return coalesce(async (/** @type {ImageRequest[]} */ requests) => {
    const bodies = requests.map((request) => new Promise((...settle) => ([request.resolve, request.reject] = settle)));
    for (const batch of batchesOf(requests)) {
      if (batching.sendsAlone(batch)) batch.forEach(sendAlone);
      else sendTogether(batch);
    }
    return bodies;
  }, BATCH_LIMIT);
}

/**
 * @param {ImageFetcher} fetcher
 * @param {ImageRequest} request
 */
async function byFetcher(fetcher, { record, context, signal }) {
  const body = await fetcher(record, context, { signal });
  // `instanceof Uint8Array` is false for an array of another frame.
  if (Object(body).BYTES_PER_ELEMENT === 1) return withRoom([body]);
  throw new ConfigError("the fetcher must resolve to a Uint8Array");
}
