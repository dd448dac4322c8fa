/** Brings bare ciphertext from where a record says that a copy is, such as a CDN. */

import { readBody } from "./body.js";
import { createQueue } from "./queue.js";
import { accepted } from "./request.js";
import { createTimeLimit } from "./time-limit.js";

/** @import { Body, Download } from "./transport.js" */

/** The endpoint has the image too: it is asked rather than a copy waited for. */
const MOST_WAIT_MS = 5000;

/** How long copies are left alone after one that did not answer. */
const REST_MS = 30_000;

/**
 * @param {{parallel: number, timeoutMs: number}} options
 * @returns {(download: Download) => Promise<Body | undefined>}  undefined while copies are left alone
 */
export function createCopies({ parallel, timeoutMs }) {
  const queue = createQueue(parallel);
  let restsUntil = 0;

  return ({ parsed, priority, signal, onProgress }) =>
    queue(priority, signal, async () => {
      if (Date.now() < restsUntil) return undefined;
      const controller = new AbortController();
      const limit = createTimeLimit(Math.min(timeoutMs, MOST_WAIT_MS), controller);
      const either = AbortSignal.any([signal, controller.signal]);
      limit.start();
      // Out of the HTTP cache where it is there, and with nothing that tells who asks.
      return fetch(parsed.copy, { credentials: "omit", priority, signal: either })
        .then((response) => readBody(accepted(response), onProgress, limit.start, true))
        .catch((error) => {
          if (!signal.aborted && !error.status) restsUntil = Date.now() + REST_MS;
          throw error;
        })
        .finally(limit.stop);
    });
}
