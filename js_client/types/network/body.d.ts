/** Reads response bodies into buffers with room for the tag after the body, so that decryption copies nothing. */
export type Body = Uint8Array<ArrayBuffer>;
export type OnReceived = (received: {
    loaded: number;
    total: number;
}) => void;
/**
 * Make an empty body.
 *
 * @param {number} length  in bytes
 * @throws {FetchError} if the length is above `MOST_BYTES` or the memory is full
 */
export declare function roomyBody(length: number): Uint8Array<ArrayBuffer>;
/**
 * Copy pieces into one body with room.
 *
 * @param {Uint8Array[]} pieces
 */
export declare function withRoom(pieces: Uint8Array[]): Uint8Array<ArrayBuffer>;
/**
 * Return ciphertext ‖ tag, the input of WebCrypto.
 *
 * @param {Uint8Array<ArrayBuffer>} ciphertext  the end of a body with room; the tag is written after it
 * @param {Uint8Array} tag
 */
export declare function sealed(ciphertext: Uint8Array<ArrayBuffer>, tag: Uint8Array): Uint8Array<ArrayBuffer>;
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
export declare function readBody(response: Response, onProgress?: OnReceived, onPiece?: (bytes: number) => void, isBare?: boolean): Promise<Uint8Array<ArrayBuffer>>;
export type Reading = {
    /**
     * resolves to the next piece, undefined at the end
     */
    next: () => Promise<Uint8Array | undefined>;
    /**
     * fills the target with the next
     * bytes; throws a FetchError if the stream ends before
     */
    fill: (target: Uint8Array, onProgress?: OnReceived) => Promise<void>;
};
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
export declare function readStream<Result>(response: Response, onPiece: ((bytes: number) => void) | undefined, work: (reading: Reading) => Promise<Result>): Promise<Result>;
