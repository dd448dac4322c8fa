/** Fetches bare ciphertext from the copy that a record names, such as one on a CDN. */

import { readBody } from "./body.js";
import { accepted } from "./fetch.js";
import { createQueue, createTimeLimit } from "./limits.js";

/** @import { Body } from "./body.js" */
/** @import { ImageRequest } from "./request.js" */

/** The endpoint has the image too, so a slow copy is given up: it must send `LEAST_BYTES` in this time, 4 KiB/s. */
const MOST_WAIT_MS = 5000;
const LEAST_BYTES = 20_480;

/** The most bytes of all copies under way: six of 32 MiB, the defaults of `parallel` and of the server's limit. */
const MOST_BYTES = 6 * 2 ** 25;

/** After a copy that did not answer, no copy is requested for this time. */
const REST_MS = 30_000;

/**
 * @param {{parallel: number, timeoutMs: number}} options
 * @returns {(request: ImageRequest) => Promise<Body | undefined>}  undefined while no copy is requested
 */
export function createCopies({ parallel, timeoutMs }) {
  const queue = createQueue(parallel);
  let restsUntil = 0;
  let received = 0;

  return ({ parsed, priority, signal, onProgress }) =>
    queue(priority, signal, async () => {
      if (Date.now() < restsUntil) return undefined;
      const controller = new AbortController();
      const limit = createTimeLimit(Math.min(timeoutMs, MOST_WAIT_MS), controller);
      const either = AbortSignal.any([signal, controller.signal]);
      limit.start();
      let [own, due] = [0, 0];
      const onPiece = (/** @type {number} */ bytes) => {
        own += bytes;
        received += bytes;
        if (received > MOST_BYTES) controller.abort();
        if (own < due) return;
        due = own + LEAST_BYTES;
        limit.start();
      };
      // The HTTP cache may answer. Nothing in the request identifies the user.
      return fetch(parsed.copy, { credentials: "omit", priority, signal: either })
        .then((response) => readBody(accepted(response), onProgress, onPiece, true))
        .catch((error) => {
          // A refusal (status above 200) concerns one image only. Anything else, such as an endless copy, concerns all.
          if (!signal.aborted && !(error.status > 200)) restsUntil = Date.now() + REST_MS;
          throw error;
        })
        .finally(() => {
          received -= own;
          limit.stop();
        });
    });
}
