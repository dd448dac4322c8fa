/** Response bodies, each in a buffer with room for the tag behind it, so that nothing is copied to be decrypted. */

import { FetchError } from "../errors.js";
import { TAG_BYTES } from "../format/sizes.js";
import { decodePayload } from "../format/wire.js";
import { WireState } from "../states.js";

/** @typedef {(received: {loaded: number, total: number}) => void} OnReceived */

/** The longest body that is taken in; what decompresses to more than that would fill the memory. */
const MOST_BYTES = 2 ** 29;

/**
 * A new body.
 *
 * @param {number} length
 * @throws {FetchError} where there is no room for that much
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
 * With a status, because another attempt would end like this one.
 *
 * @param {number} length
 * @param {unknown} [cause]
 */
const tooLong = (length, cause) =>
  new FetchError(`a response of ${length} bytes can't be taken in`, { cause, status: 200 });

/**
 * A copy of a body that came without room.
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
 * Ciphertext ‖ tag, as WebCrypto takes it.
 *
 * @param {Uint8Array<ArrayBuffer>} ciphertext  a view of a body with room, to the body's end
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
 * @param {(bytes: number) => void} [onPiece]  told of each piece that comes
 * @param {number} [most]  it is ciphertext without a state in front, of at most so many bytes
 * @throws {FetchError} where it was cut short or is too long; WireError for what is no payload
 */
export async function readBody(response, onProgress, onPiece, most) {
  const { headers, type } = response;
  // A proxy that compresses gives the length of something else, which another origin does not tell.
  const isPlain = type !== "cors" && (headers.get("content-encoding") ?? "identity") === "identity";
  const told = Number(headers.get("content-length"));
  const length = isPlain ? told : 0;
  return readStream(response, onPiece, async ({ fill, next }) => {
    if (told > Number(most)) throw tooLong(told);
    const whole = length ? roomyBody(length) : await readPieces(next, most);
    if (length) await fill(whole, onProgress);
    else onProgress?.({ loaded: whole.length, total: whole.length });
    return whole;
  });
}

/**
 * @param {Reading["next"]} next
 * @param {number | undefined} most
 */
async function readPieces(next, most) {
  /** @type {Uint8Array[]} */
  const pieces = [];
  let length = 0;
  const limit = most ?? MOST_BYTES;
  for (let piece; (piece = await next());) {
    // Something else than a payload need not be read to its end.
    if (!most && !length && Number(piece[0]) > WireState.Updated) decodePayload(piece);
    pieces.push(piece);
    length += piece.length;
    if (length > limit) throw tooLong(length);
  }
  return withRoom(pieces);
}

/**
 * @typedef {object} Reading
 * @property {() => Promise<Uint8Array | undefined>} next  the next piece
 * @property {(target: Uint8Array, onProgress?: OnReceived) => Promise<void>} fill  a target with what comes next; throws
 *   a FetchError where the stream ends before
 */

/**
 * Read a response by the piece; if that fails, the rest of it is not sent for nothing.
 *
 * Chromium shows a response as cancelled if its end comes after all its bytes were read, which is the rule. It does not
 * if the reader is that of a clone.
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
        // Firefox ends a body that falls short of its length without an error.
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
    // See the end, without waiting for it.
    reader?.read().catch(() => {});
    return result;
  } catch (error) {
    reader?.cancel().catch(() => {});
    throw error;
  }
}

/** @param {unknown} [cause] */
const cutShort = (cause) => new FetchError("the response was cut short", { cause });
