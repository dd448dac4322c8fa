/** Many images in one POST, which needs no preflight from another origin. */

import { createFiller, roomyBody } from "./body.js";
import { FetchError, statusError } from "./errors.js";
import { ask } from "./fetcher.js";

/** @import { Call } from "./transport.js" */

const HEAD_BYTES = 7;

/**
 * Ask for images of distinct ids and answer each call as its frame arrives: index u8 ‖ HTTP status u16 ‖ length u32 ‖
 * body, little-endian.
 *
 * @param {string} endpoint
 * @param {Call[]} calls
 * @param {Set<Call>} unanswered  loses each call that is answered
 * @throws {FetchError | RefusedError} where the rest of them got no answer
 */
export async function postBatch(endpoint, calls, unanswered) {
  const images = calls.map(({ download: { record } }) => ({
    id: record.id,
    token: record.token,
    proof: record.statelessProof,
  }));
  const { body } = await ask(`${endpoint}/-/batch`, {
    method: "POST",
    // A string is sent as text/plain.
    body: JSON.stringify({ images }),
    signal: whenAllAreAborted(calls.map(({ download }) => download.signal)),
    priority: calls[0]?.download.priority ?? "auto",
  });
  const fill = createFiller(/** @type {ReadableStream<Uint8Array>} */ (body));
  while (unanswered.size) {
    const head = new Uint8Array(HEAD_BYTES);
    await fill(head);
    const { index, status, length } = frameOf(head);
    const call = calls[index];
    if (!call) throw new FetchError("this is no answer to a batch; check `endpoint`");
    const image = roomyBody(length);
    await fill(image, call.download.onProgress);
    if (status === 200) call.resolve(image);
    else call.reject(statusError(status));
    unanswered.delete(call);
  }
}

/** @param {Uint8Array<ArrayBuffer>} head */
function frameOf({ buffer }) {
  const view = new DataView(buffer);
  return { index: view.getUint8(0), status: view.getUint16(1, true), length: view.getUint32(3, true) };
}

/** @param {AbortSignal[]} signals */
function whenAllAreAborted(signals) {
  const controller = new AbortController();
  let left = signals.length;
  for (const signal of signals) {
    signal.addEventListener("abort", () => {
      left -= 1;
      if (!left) controller.abort(signal.reason);
    });
  }
  return controller.signal;
}
