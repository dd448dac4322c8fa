/** Response bodies, each in a buffer with room for the tag behind it, so that nothing is copied to be decrypted. */
export type OnReceived = (received: {
    loaded: number;
    total: number;
}) => void;
/**
 * A new body.
 *
 * @param {number} length
 * @throws {FetchError} where there is no room for that much
 */
export declare function roomyBody(length: number): Uint8Array<ArrayBuffer>;
/**
 * A copy of a body that came without room.
 *
 * @param {Uint8Array[]} pieces
 */
export declare function withRoom(pieces: Uint8Array[]): Uint8Array<ArrayBuffer>;
/**
 * Ciphertext ‖ tag, as WebCrypto takes it.
 *
 * @param {Uint8Array<ArrayBuffer>} ciphertext  a view of a body with room, to the body's end
 * @param {Uint8Array} tag
 */
export declare function sealed(ciphertext: Uint8Array<ArrayBuffer>, tag: Uint8Array): Uint8Array<ArrayBuffer>;
/**
 * Read a whole response.
 *
 * @param {Response} response
 * @param {OnReceived} [onProgress]
 * @param {(bytes: number) => void} [onPiece]  told of each piece that comes
 * @param {number} [most]  it is ciphertext without a state in front, of at most so many bytes
 * @throws {FetchError} where it was cut short or is too long; WireError for what is no payload
 */
export declare function readBody(response: Response, onProgress?: OnReceived, onPiece?: (bytes: number) => void, most?: number): Promise<Uint8Array<ArrayBuffer>>;
export type Reading = {
    /**
     * the next piece
     */
    next: () => Promise<Uint8Array | undefined>;
    /**
     * a target with what comes next; throws
     * a FetchError where the stream ends before
     */
    fill: (target: Uint8Array, onProgress?: OnReceived) => Promise<void>;
};
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
export declare function readStream<Result>(response: Response, onPiece: ((bytes: number) => void) | undefined, work: (reading: Reading) => Promise<Result>): Promise<Result>;
