/** Brings bare ciphertext from where a record says that a copy is, such as a CDN. */

import { readBody } from "./body.js";
import { createQueue } from "./queue.js";
import { accepted } from "./request.js";
import { createTimeLimit } from "./time-limit.js";

/** @import { Body, Download } from "./transport.js" */

/** The endpoint has the image too: it is asked if a copy brings less than `LEAST_BYTES` in this time, 4 KiB/s. */
const MOST_WAIT_MS = 5000;
const LEAST_BYTES = 20_480;

/** A copy is no longer than this, or than 8 bytes for each pixel that the record tells of, as a 16-bit PNG has. */
const MOST_BYTES = 2 ** 25;

/** How long copies are left alone after one that did not answer. */
const REST_MS = 30_000;

/**
 * @param {{parallel: number, timeoutMs: number}} options
 * @returns {(download: Download) => Promise<Body | undefined>}  undefined while copies are left alone
 */
export function createCopies({ parallel, timeoutMs }) {
  const queue = createQueue(parallel);
  let restsUntil = 0;

  return ({ parsed, record, priority, signal, onProgress }) =>
    queue(priority, signal, async () => {
      if (Date.now() < restsUntil) return undefined;
      const controller = new AbortController();
      const limit = createTimeLimit(Math.min(timeoutMs, MOST_WAIT_MS), controller);
      const either = AbortSignal.any([signal, controller.signal]);
      limit.start();
      let due = 0;
      const onPiece = (/** @type {number} */ bytes) => {
        if ((due -= bytes) > 0) return;
        due = LEAST_BYTES;
        limit.start();
      };
      const most = Math.max(MOST_BYTES, 8 * Number(record.width) * Number(record.height) || 0);
      // Out of the HTTP cache where it is there, and with nothing that tells who asks.
      return fetch(parsed.copy, { credentials: "omit", priority, signal: either })
        .then((response) => readBody(accepted(response), onProgress, onPiece, most))
        .catch((error) => {
          // A refusal is about one image, a body that is too long is not.
          if (!signal.aborted && !(error.status > 200)) restsUntil = Date.now() + REST_MS;
          throw error;
        })
        .finally(limit.stop);
    });
}
