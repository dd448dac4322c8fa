/** Many images in one POST, which needs no preflight from another origin. */

import { FetchError, statusError } from "../errors.js";
import { readStream, roomyBody } from "./body.js";
import { ask } from "./request.js";

/** @import { Priority } from "../options/options.js" */
/** @import { Endpoint } from "./request.js" */
/** @import { Call } from "./transport.js" */

const HEAD_BYTES = 7;

/**
 * Ask for images of distinct ids and answer each call as its frame arrives: index u8 ‖ HTTP status u16 ‖ length u32 ‖
 * body, little-endian.
 *
 * @param {Endpoint} options
 * @param {Set<Call>} unanswered  the calls; it loses each that is answered
 * @param {Priority} priority
 * @param {ReturnType<typeof watch>} wanted
 * @throws {FetchError | RefusedError} where the rest of them got no answer
 */
export async function postBatch(options, unanswered, priority, { signal, endIfUnwanted }) {
  const calls = [...unanswered];
  const images = calls.map(({ download: { parsed } }) => ({ id: parsed.id, token: parsed.token, proof: parsed.proof }));
  const response = await ask(options, `${options.endpoint}/-/batch`, {
    method: "POST",
    // A string is sent as text/plain.
    body: JSON.stringify({ images }),
    signal,
    priority,
  });
  const onPiece = () => unanswered.forEach(({ download }) => download.limit.start());
  await readStream(response, onPiece, async ({ fill }) => {
    while (unanswered.size) {
      endIfUnwanted();
      const head = new Uint8Array(HEAD_BYTES);
      await fill(head);
      const view = new DataView(head.buffer);
      const status = view.getUint16(1, true);
      const call = calls[view.getUint8(0)];
      if (!call) throw new FetchError("this is no answer to a batch; check `endpoint`");
      const image = roomyBody(view.getUint32(3, true));
      await fill(image, call.download.onProgress);
      if (status === 200) call.resolve(image);
      else call.reject(statusError(status));
      unanswered.delete(call);
    }
  });
}

/**
 * A signal that is aborted once nobody waits for an answer any more: when a caller leaves, or `endIfUnwanted` is called.
 *
 * @param {Set<Call>} unanswered
 */
export function watch(unanswered) {
  const controller = new AbortController();
  const endIfUnwanted = () => {
    if ([...unanswered].every(({ download }) => download.signal.aborted)) controller.abort();
  };
  for (const { download } of unanswered) download.signal.addEventListener("abort", endIfUnwanted);
  endIfUnwanted();
  return { signal: controller.signal, endIfUnwanted };
}
