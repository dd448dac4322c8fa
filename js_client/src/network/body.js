/** Reads response bodies into buffers with room for the tag after the body, so that decryption copies nothing. */

import { FetchError, WireState } from "../errors.js";
import { TAG_BYTES } from "../format/records.js";
import { decodePayload } from "../format/wire.js";

/** @typedef {Uint8Array<ArrayBuffer>} Body  with room for the tag after its end */

/** @typedef {(received: {loaded: number, total: number}) => void} OnReceived  in bytes */

/** The longest accepted body, because one that decompresses to more would fill the memory. */
const MOST_BYTES = 2 ** 29;

/**
 * Make an empty body.
 *
 * @param {number} length  in bytes
 * @throws {FetchError} if the length is above `MOST_BYTES` or the memory is full
 */
export function roomyBody(length) {
  let cause;
  try {
    if (length <= MOST_BYTES) return new Uint8Array(new ArrayBuffer(length + TAG_BYTES), 0, length);
  } catch (error) {
    cause = error;
  }
  throw tooLong(length, cause);
}

/**
 * The status 200 prevents a retry, which would fail in the same way.
 *
 * @param {number} length
 * @param {unknown} [cause]
 */
const tooLong = (length, cause) => new FetchError(`a response of ${length} bytes is too long`, { cause, status: 200 });

/**
 * Copy pieces into one body with room.
 *
 * @param {Uint8Array[]} pieces
 */
export function withRoom(pieces) {
  const body = roomyBody(pieces.reduce((length, piece) => length + piece.length, 0));
  let loaded = 0;
  for (const piece of pieces) {
    body.set(piece, loaded);
    loaded += piece.length;
  }
  return body;
}

/**
 * Return ciphertext ‖ tag, the input of WebCrypto.
 *
 * @param {Uint8Array<ArrayBuffer>} ciphertext  the end of a body with room; the tag is written after it
 * @param {Uint8Array} tag
 */
export function sealed(ciphertext, tag) {
  const bytes = new Uint8Array(ciphertext.buffer, ciphertext.byteOffset, ciphertext.length + TAG_BYTES);
  bytes.set(tag, ciphertext.length);
  return bytes;
}

/**
 * Read a whole response.
 *
 * @param {Response} response
 * @param {OnReceived} [onProgress]
 * @param {(bytes: number) => void} [onPiece]  called with the length of each piece
 * @param {boolean} [isBare]  the body is ciphertext, without a state byte
 * @throws {FetchError} if the response was cut short or is too long
 * @throws {WireError} if the response is no payload
 */
export async function readBody(response, onProgress, onPiece, isBare) {
  const { headers, type } = response;
  // With compression, Content-Length is not the length of the body. Another origin hides Content-Encoding.
  const isPlain = type !== "cors" && (headers.get("content-encoding") ?? "identity") === "identity";
  const length = isPlain ? Number(headers.get("content-length")) : 0;
  return readStream(response, onPiece, async ({ fill, next }) => {
    const whole = length ? roomyBody(length) : await readPieces(next, isBare);
    if (length) await fill(whole, onProgress);
    else onProgress?.({ loaded: whole.length, total: whole.length });
    return whole;
  });
}

/**
 * @param {Reading["next"]} next
 * @param {boolean | undefined} isBare
 */
async function readPieces(next, isBare) {
  /** @type {Uint8Array[]} */
  const pieces = [];
  let length = 0;
  for (let piece; (piece = await next());) {
    // Stop early if the response is no image: decodePayload throws.
    if (!isBare && !length && Number(piece[0]) > WireState.Updated) decodePayload(piece);
    pieces.push(piece);
    length += piece.length;
    if (length > MOST_BYTES) throw tooLong(length);
  }
  return withRoom(pieces);
}

/**
 * @typedef {object} Reading
 * @property {() => Promise<Uint8Array | undefined>} next  resolves to the next piece, undefined at the end
 * @property {(target: Uint8Array, onProgress?: OnReceived) => Promise<void>} fill  fills the target with the next
 *   bytes; throws a FetchError if the stream ends before
 */

/**
 * Read a response piece by piece. If that fails, the rest of the response is cancelled.
 *
 * Chromium shows a response as cancelled if its end arrives after all its bytes were read, as it usually does. It does
 * not if the reader belongs to a clone.
 *
 * @template Result
 * @param {Response} response
 * @param {((bytes: number) => void) | undefined} onPiece
 * @param {(reading: Reading) => Promise<Result>} work
 */
export async function readStream(response, onPiece, work) {
  const reader = response.clone().body?.getReader();
  response.body?.cancel().catch(() => {});
  /** @type {Uint8Array} */
  let rest = new Uint8Array();

  async function next() {
    const read = await reader?.read().catch((cause) => {
      throw cutShort(cause);
    });
    onPiece?.(read?.value?.length ?? 0);
    return read?.value;
  }

  /** @type {Reading["fill"]} */
  async function fill(target, onProgress) {
    for (let loaded = 0; loaded < target.length;) {
      if (!rest.length) {
        const piece = await next();
        // Firefox ends a body that is shorter than its Content-Length without an error.
        if (!piece) throw cutShort();
        rest = piece;
      }
      const piece = rest.subarray(0, target.length - loaded);
      target.set(piece, loaded);
      rest = rest.subarray(piece.length);
      loaded += piece.length;
      onProgress?.({ loaded, total: target.length });
    }
  }

  try {
    const result = await work({ fill, next });
    // Read the end, but do not wait for it.
    reader?.read().catch(() => {});
    return result;
  } catch (error) {
    reader?.cancel().catch(() => {});
    throw error;
  }
}

/** @param {unknown} [cause] */
const cutShort = (cause) => new FetchError("the response was cut short", { cause });
