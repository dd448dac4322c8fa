/** Response bodies, each in a buffer with room for the tag behind it, so that nothing is copied to be decrypted. */
export type OnReceived = (received: {
    loaded: number;
    total: number;
}) => void;
/**
 * A new body.
 *
 * @param {number} length
 */
export declare const roomyBody: (length: number) => Uint8Array<ArrayBuffer>;
/**
 * A copy of a body that came without room.
 *
 * @param {Uint8Array} bytes
 */
export declare function withRoom(bytes: Uint8Array): Uint8Array<ArrayBuffer>;
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
 * @throws {FetchError} where it was cut short
 */
export declare function readBody(response: Response, onProgress?: OnReceived): Promise<Uint8Array<ArrayBuffer>>;
/**
 * Reads a stream by the piece.
 *
 * @param {ReadableStream<Uint8Array> | null} stream
 */
export declare function createFiller(stream: ReadableStream<Uint8Array> | null): {
    /**
     * Fill a target with what comes next.
     *
     * @param {Uint8Array} target
     * @param {OnReceived} [onProgress]
     * @throws {FetchError} where the stream ends before
     */
    fill(target: Uint8Array, onProgress?: OnReceived): Promise<void>;
    /** See the end, without waiting for it: without, Chromium shows each such request as cancelled, and with it fewer. */
    end: () => undefined;
};
