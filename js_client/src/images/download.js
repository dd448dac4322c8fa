/** From a record to a verified image over the network: of a copy, else of the endpoint, tried again where that may help. */

import { coalesce } from "../coalesce.js";
import { decrypt } from "../crypto/decrypt.js";
import { WireError, mayPass, stateError } from "../errors.js";
import { BATCH_LIMIT, FRAMES_MS } from "../format/batch.js";
import { decodePayload } from "../format/wire.js";
import { sealed } from "../network/body.js";
import { WireState } from "../states.js";

/** @import { ImageMeta, ParsedRecord } from "../format/records.js" */
/** @import { Body, Download } from "../network/transport.js" */

/**
 * One version of an image as it arrived: `sealed` is ciphertext ‖ tag, `plaintext` what it holds.
 *
 * @typedef {{token: number, sealed: Uint8Array<ArrayBuffer>, plaintext: Uint8Array<ArrayBuffer>}} Downloaded
 */

const FIRST_PAUSE_MS = 200;

/**
 * @param {(download: Download) => Promise<Body>} transport
 * @param {(download: Download) => Promise<Body | undefined>} copies
 * @param {object} options
 * @param {number} options.retries  after a first attempt that failed for the network or the server
 * @param {number} options.timeoutMs  the longest pause that a server may ask for
 * @returns {(download: Download) => Promise<Downloaded>}
 */
export function createDownload(transport, copies, { retries, timeoutMs }) {
  return async (download) => {
    const copied = download.parsed.copy && (await fromCopy(copies, download));
    if (copied) return copied;
    for (let attempt = 0; ; attempt += 1) {
      try {
        const body = await transport(download).finally(download.limit.stop);
        return await opened(body, download.parsed);
      } catch (error) {
        const { retryAfterMs = 0 } = Object(error);
        if (attempt >= retries || download.signal.aborted || !mayPass(error) || retryAfterMs > timeoutMs) throw error;
        await pause({ attempt, retryAfterMs });
        download.signal.throwIfAborted();
      }
    }
  };
}

/**
 * The version of the record, or undefined: then it is for the endpoint to say what is wrong.
 *
 * @param {(download: Download) => Promise<Body | undefined>} copies
 * @param {Download} download
 */
async function fromCopy(copies, download) {
  try {
    const body = await copies(download);
    return body && (await verified(download.parsed, body));
  } catch {
    download.signal.throwIfAborted();
    return undefined;
  }
}

/**
 * @param {Body} body
 * @param {ParsedRecord} parsed
 * @returns {Promise<Downloaded>}
 */
async function opened(body, parsed) {
  const payload = decodePayload(body);
  if (payload.state !== WireState.Success && payload.state !== WireState.Updated) throw stateError(payload.state);
  if (payload.state === WireState.Updated && payload.token === parsed.token) {
    throw new WireError("a version is updated to itself", { reason: "token-range" });
  }
  return verified({ ...parsed, ...payload }, payload.ciphertext);
}

/**
 * @param {ImageMeta & {token: number}} version
 * @param {Uint8Array<ArrayBuffer>} ciphertext
 * @returns {Promise<Downloaded>}
 */
async function verified(version, ciphertext) {
  const bytes = sealed(ciphertext, version.tag);
  return { token: version.token, sealed: bytes, plaintext: await decrypt(version, bytes) };
}

/** @param {{attempt: number, retryAfterMs: number}[]} failures */
async function rest(failures) {
  const attempt = Math.max(...failures.map((failure) => failure.attempt));
  const retryAfterMs = Math.max(...failures.map((failure) => failure.retryAfterMs));
  const ms = retryAfterMs + FIRST_PAUSE_MS * 2 ** attempt * (0.5 + Math.random());
  await new Promise((resolve) => setTimeout(resolve, ms));
  return failures;
}

/**
 * With jitter, so that the pages that failed together don't come back together; the images of a batch do, also where its
 * frames are refused one after another.
 */
const pause = coalesce(rest, BATCH_LIMIT, { pauseMs: FRAMES_MS });
