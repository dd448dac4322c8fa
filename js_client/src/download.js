/** From a record to a verified image over the network, tried again where that may help. */

import { sealed } from "./body.js";
import { decrypt } from "./decrypt.js";
import { FetchError, ServerError, WireError, stateError } from "./errors.js";
import { gather } from "./gather.js";
import { WireState } from "./states.js";
import { decodePayload } from "./wire.js";

/** @import { ParsedRecord } from "./records.js" */
/** @import { Body, Download } from "./transport.js" */

/**
 * One version of an image as it arrived: `sealed` is ciphertext ‖ tag, `plaintext` what it holds.
 *
 * @typedef {{token: number, sealed: Uint8Array<ArrayBuffer>, plaintext: Uint8Array<ArrayBuffer>}} Downloaded
 */

const FIRST_PAUSE_MS = 200;

/**
 * @param {(download: Download) => Promise<Body>} transport
 * @param {number} retries  after a first attempt that failed for the network or the server
 * @returns {(download: Download) => Promise<Downloaded>}
 */
export function createDownload(transport, retries) {
  return async (download) => {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await opened(await transport(download), download.parsed);
      } catch (error) {
        if (attempt >= retries || download.signal.aborted || !mayPass(error)) throw error;
        await pause(attempt);
        download.signal.throwIfAborted();
      }
    }
  };
}

/**
 * @param {Body} body
 * @param {ParsedRecord} parsed
 * @returns {Promise<Downloaded>}
 */
async function opened(body, parsed) {
  const payload = decodePayload(body);
  if (payload.state !== WireState.Success && payload.state !== WireState.Updated) throw stateError(payload.state);
  const version = { ...parsed, ...payload };
  if (payload.state === WireState.Updated && payload.token === parsed.token) {
    throw new WireError("a version is updated to itself", { reason: "token-range" });
  }
  const bytes = sealed(version.ciphertext, version.tag);
  return { token: version.token, sealed: bytes, plaintext: await decrypt(version, bytes) };
}

/** @param {unknown} error */
function mayPass(error) {
  if (!(error instanceof FetchError)) return error instanceof ServerError;
  const { status = 500 } = error;
  return status >= 500 || status === 429 || status === 408;
}

/**
 * With jitter, so that the pages that failed together don't come back together; the images of a batch do.
 */
const pause = gather(async (/** @type {number[]} */ attempts) => {
  const ms = FIRST_PAUSE_MS * 2 ** Math.max(...attempts) * (0.5 + Math.random());
  await new Promise((resolve) => setTimeout(resolve, ms));
  return attempts;
});
