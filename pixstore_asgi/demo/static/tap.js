/** Listens in on the requests for images, which the client makes by itself: what went out together, and what came. */

import { WireState } from "/images/-/client/index.js";

/**
 * What came of one image in one request. `together`: so many images that request was for; `status`: the HTTP status, of
 * the image's own frame in a batch, 0 where the network failed, undefined as long as nothing has come; `wire`: a name of
 * WireState; `pieces`: a copy of the body as it crossed the wire.
 *
 * @typedef {{id: string, together: number, status: number | undefined, wire: string | undefined, bytes: number, pieces: Uint8Array<ArrayBuffer>[]}} Answer
 */

/**
 * It fires "request" with the answers of a request that goes out, all of them still empty, and "answer" with one of them
 * when it is known how that one ends.
 */
export const tap = new EventTarget();

const SINGLE = /^\/images\/([^/]+)$/;
const BATCH = "/images/-/batch";
const FRAME_HEAD_BYTES = 7;
const STATES = Object.keys(WireState);

const untapped = globalThis.fetch;

globalThis.fetch = async (url, init) => {
  const ids = idsOf(String(url), init);
  if (ids.length === 0) return untapped(url, init);
  const empty = { together: ids.length, status: undefined, wire: undefined, bytes: 0 };
  const answers = ids.map((id) => ({ id, ...empty, pieces: [] }));
  tell("request", answers);
  const response = await untapped(url, init).catch((error) => {
    for (const answer of answers) end(answer, 0);
    throw error;
  });
  if (!response.ok) for (const answer of answers) end(answer, response.status);
  return response.ok ? overheard(response, readerOf(String(url), answers)) : response;
};

/**
 * @param {string} url
 * @param {RequestInit} [init]
 * @returns {string[]} none where this is no request for images
 */
function idsOf(url, init) {
  const { pathname } = new URL(url, location.href);
  if (pathname === BATCH) return JSON.parse(String(init?.body)).images.map(({ id }) => id);
  const single = SINGLE.exec(pathname);
  return single ? [decodeURIComponent(single[1])] : [];
}

/**
 * The same response, whose bytes are read in passing, before the client has them.
 *
 * @param {Response} response
 * @param {(chunk: Uint8Array) => void} read
 */
function overheard(response, read) {
  const passing = new TransformStream({
    transform(chunk, controller) {
      read(chunk);
      controller.enqueue(chunk);
    },
  });
  return new Response(response.body.pipeThrough(passing), response);
}

/**
 * @param {string} url
 * @param {Answer[]} answers
 */
function readerOf(url, answers) {
  const isBatch = new URL(url, location.href).pathname === BATCH;
  return isBatch ? createFrameReader(answers) : (chunk) => take(answers[0], 200, chunk);
}

/**
 * Reads frames: index u8 ‖ HTTP status u16 ‖ length u32 ‖ body, little-endian.
 *
 * @param {Answer[]} answers  of the batch, in its order
 */
function createFrameReader(answers) {
  const head = new DataView(new ArrayBuffer(FRAME_HEAD_BYTES));
  let headBytes = 0;
  let bodyBytes = 0; // still to come of the frame under way

  /** @param {number} byte */
  function takeHead(byte) {
    head.setUint8(headBytes, byte);
    headBytes = (headBytes + 1) % FRAME_HEAD_BYTES;
    if (headBytes > 0) return;
    bodyBytes = head.getUint32(3, true);
    if (bodyBytes === 0) end(answers[head.getUint8(0)], head.getUint16(1, true));
  }

  /** @param {Uint8Array} chunk */
  return (chunk) => {
    for (let at = 0; at < chunk.length; ) {
      if (bodyBytes === 0) {
        takeHead(chunk[at]);
        at += 1;
        continue;
      }
      const piece = chunk.subarray(at, at + bodyBytes);
      take(answers[head.getUint8(0)], head.getUint16(1, true), piece);
      bodyBytes -= piece.length;
      at += piece.length;
    }
  };
}

/**
 * @param {Answer} answer
 * @param {number} status
 * @param {Uint8Array} piece  of its body
 */
function take(answer, status, piece) {
  answer.bytes += piece.length;
  answer.pieces.push(piece.slice()); // the client may transfer its own to a worker
  if (answer.status !== undefined) return;
  answer.wire = STATES.find((name) => WireState[name] === piece[0]);
  end(answer, status);
}

/**
 * @param {Answer} answer
 * @param {number} status
 */
function end(answer, status) {
  answer.status = status;
  tell("answer", answer);
}

/**
 * @param {"request" | "answer"} type
 * @param {Answer[] | Answer} detail
 */
const tell = (type, detail) => tap.dispatchEvent(new CustomEvent(type, { detail }));
