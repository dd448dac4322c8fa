/** One batch: many images in one POST, which needs no preflight from another origin. */

import { FetchError, statusError } from "../errors.js";
import { readStream, roomyBody } from "./body.js";
import { ask } from "./fetch.js";

/** @import { Endpoint } from "./fetch.js" */
/** @import { Batch, createPipeline } from "./pipeline.js" */
/** @import { ImageRequest } from "./request.js" */

const HEAD_BYTES = 7;

/**
 * Send a batch of distinct ids and answer each request as its frame arrives: index u8 ‖ HTTP status u16 ‖ length u32 ‖
 * body, little-endian.
 *
 * @param {Endpoint} options
 * @param {Batch} batch  each answered request is deleted from `unanswered`
 * @param {ReturnType<typeof abortIfUnwanted>} unwanted
 * @param {ReturnType<typeof createPipeline>["advance"]} advance
 * @throws {FetchError | RefusedError} if the remaining requests got no answer
 */
export async function postBatch(options, batch, { signal, check }, advance) {
  const { unanswered, priority } = batch;
  const requests = [...unanswered];
  const images = requests.map(({ parsed: { id, token, proof } }) => ({ id, token, proof }));
  const askedAt = performance.now();
  const response = await ask(options, `${options.endpoint}/-/batch`, {
    method: "POST",
    // A string is sent as text/plain.
    body: JSON.stringify({ images }),
    signal,
    priority,
  });
  const headAt = performance.now();
  const onPiece = () => unanswered.forEach(({ limit }) => limit.start());
  await readStream(response, onPiece, async ({ fill }) => {
    while (unanswered.size) {
      check();
      const head = new Uint8Array(HEAD_BYTES);
      await fill(head);
      const view = new DataView(head.buffer);
      const status = view.getUint16(1, true);
      const request = /** @type {ImageRequest} */ (requests[view.getUint8(0)]);
      // Second answers to one image could follow without end.
      if (!unanswered.has(request)) throw new FetchError("this is no answer to a batch; check `endpoint`");
      const image = roomyBody(view.getUint32(3, true));
      await fill(image, request.onProgress);
      if (status === 200) request.resolve(image);
      else request.reject(statusError(status));
      unanswered.delete(request);
      advance(batch, headAt - askedAt, (performance.now() - headAt) / (requests.length - unanswered.size));
    }
  });
}

/**
 * Make a signal that is aborted once every unanswered request was aborted: when the last of them is, or by `check`.
 *
 * @param {Set<ImageRequest>} unanswered
 */
export function abortIfUnwanted(unanswered) {
  const controller = new AbortController();
  const check = () => {
    if ([...unanswered].every(({ signal }) => signal.aborted)) controller.abort();
  };
  for (const { signal } of unanswered) signal.addEventListener("abort", check);
  check();
  return { signal: controller.signal, check };
}
