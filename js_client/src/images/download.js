/** Downloads and verifies one image: from a copy, otherwise from the endpoint, with retries if they may help. */

import { BATCH_LIMIT, FRAMES_MS, coalesce, sleep } from "../coalesce.js";
import { decrypt } from "../crypto/decrypt.js";
import { WireError, WireState, mayPass, stateError } from "../errors.js";
import { decodePayload } from "../format/wire.js";
import { sealed } from "../network/body.js";

/** @import { ImageMeta, ParsedRecord } from "../format/records.js" */
/** @import { Body } from "../network/body.js" */
/** @import { ImageRequest } from "../network/request.js" */

/**
 * One verified version of an image: `sealed` is ciphertext ‖ tag, `plaintext` the format byte ‖ the image.
 *
 * @typedef {{token: number, sealed: Uint8Array<ArrayBuffer>, plaintext: Uint8Array<ArrayBuffer>}} Downloaded
 */

const FIRST_PAUSE_MS = 200;

/**
 * @param {(request: ImageRequest) => Promise<Body>} transport
 * @param {(request: ImageRequest) => Promise<Body | undefined>} copies
 * @param {object} options
 * @param {number} options.retries  further attempts if the network or the server failed
 * @param {number} options.timeoutMs  the longest pause that the server may ask for
 * @returns {(request: ImageRequest) => Promise<Downloaded>}
 */
export function createDownload(transport, copies, { retries, timeoutMs }) {
  return async (request) => {
    const copied = request.parsed.copy && (await fromCopy(copies, request));
    if (copied) return copied;
    for (let attempt = 0; ; attempt += 1) {
      try {
        const body = await transport(request).finally(request.limit.stop);
        return await opened(body, request.parsed);
      } catch (error) {
        const { retryAfterMs = 0 } = Object(error);
        if (attempt >= retries || request.signal.aborted || !mayPass(error) || retryAfterMs > timeoutMs) throw error;
        await pause({ attempt, retryAfterMs });
        request.signal.throwIfAborted();
      }
    }
  };
}

/**
 * Return the version of the record, or undefined if the copy fails: the endpoint then gives the image or the error.
 *
 * @param {(request: ImageRequest) => Promise<Body | undefined>} copies
 * @param {ImageRequest} request
 */
async function fromCopy(copies, request) {
  try {
    const body = await copies(request);
    return body && (await verified(request.parsed, body));
  } catch {
    request.signal.throwIfAborted();
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
  // A server sends no key in clear to a sealed record, so a proxy has made this payload.
  if (payload.state === WireState.Updated && parsed.key instanceof Promise) throw stateError(WireState.InvalidProof);
  if (payload.state !== WireState.Success && payload.state !== WireState.Updated) throw stateError(payload.state);
  if (payload.state === WireState.Updated && payload.token === parsed.token) {
    throw new WireError("the server updated a version to itself", { reason: "token-range" });
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
async function pauseOnce(failures) {
  const attempt = Math.max(...failures.map((failure) => failure.attempt));
  const retryAfterMs = Math.max(...failures.map((failure) => failure.retryAfterMs));
  const ms = retryAfterMs + FIRST_PAUSE_MS * 2 ** attempt * (0.5 + Math.random());
  await sleep(ms);
  return failures;
}

/**
 * Pause before the next attempt. Jitter keeps pages that failed together from retrying together. The images of one
 * batch do retry together, even if their frames were refused one after another.
 */
const pause = coalesce(pauseOnce, BATCH_LIMIT, { pauseMs: FRAMES_MS });
