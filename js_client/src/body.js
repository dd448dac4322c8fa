/** Response bodies, each in a buffer with room for the tag behind it, so that nothing is copied to be decrypted. */

import { FetchError } from "./errors.js";

/** @typedef {(received: {loaded: number, total: number}) => void} OnReceived */

const TAG_BYTES = 16;

/**
 * A new body.
 *
 * @param {number} length
 */
export const roomyBody = (length) => new Uint8Array(new ArrayBuffer(length + TAG_BYTES), 0, length);

/**
 * A copy of a body that came without room.
 *
 * @param {Uint8Array} bytes
 */
export function withRoom(bytes) {
  const body = roomyBody(bytes.length);
  body.set(bytes);
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
 * @throws {FetchError} where it was cut short
 */
export async function readBody(response, onProgress) {
  const length = Number(response.headers.get("content-length"));
  // A proxy that compresses gives the length of something else, which another origin does not tell.
  const isPlain = response.type !== "cors" && (response.headers.get("content-encoding") ?? "identity") === "identity";
  if (!length || !response.body || !isPlain) {
    const body = withRoom(new Uint8Array(await whole(response.arrayBuffer())));
    onProgress?.({ loaded: body.length, total: body.length });
    return body;
  }
  const body = roomyBody(length);
  const { fill, end } = createFiller(response.body);
  await fill(body, onProgress);
  end();
  return body;
}

/**
 * Reads a stream by the piece.
 *
 * @param {ReadableStream<Uint8Array> | null} stream
 */
export function createFiller(stream) {
  const reader = stream?.getReader();
  /** @type {Uint8Array} */
  let rest = new Uint8Array();
  return {
    /**
     * Fill a target with what comes next.
     *
     * @param {Uint8Array} target
     * @param {OnReceived} [onProgress]
     * @throws {FetchError} where the stream ends before
     */
    async fill(target, onProgress) {
      for (let loaded = 0; loaded < target.length;) {
        if (!rest.length) rest = await nextOf(reader);
        const piece = rest.subarray(0, target.length - loaded);
        target.set(piece, loaded);
        rest = rest.subarray(piece.length);
        loaded += piece.length;
        onProgress?.({ loaded, total: target.length });
      }
    },

    /** See the end, without waiting for it: without, Chromium shows each such request as cancelled, and with it fewer. */
    end: () => void reader?.read().catch(() => {}),
  };
}

/** @param {ReadableStreamDefaultReader<Uint8Array> | undefined} reader */
async function nextOf(reader) {
  const read = reader && (await whole(reader.read()));
  if (read?.value) return read.value;
  // Firefox ends a body that falls short of its length without an error.
  throw cutShort();
}

/**
 * @template Result
 * @param {Promise<Result>} reading
 */
const whole = (reading) =>
  reading.catch((cause) => {
    throw cutShort(cause);
  });

/** @param {unknown} [cause] */
const cutShort = (cause) => new FetchError("the response was cut short", { cause });
