/**
 * The wire payload: one state byte, and for an image the ciphertext, with the new token, key, iv and tag if it was
 * updated.
 *
 *     Success   00 ‖ ciphertext
 *     Updated   01 ‖ token u64 little-endian ‖ key 32 ‖ iv 12 ‖ tag 16 ‖ ciphertext
 *     others    one byte
 */
export type SuccessPayload = {
    state: 0;
    ciphertext: Uint8Array<ArrayBuffer>;
};
export type UpdatedPayload = {
    state: 1;
    /**
     * the version's token, 1 to 2**53 - 1
     */
    token: number;
    /**
     * 32 bytes
     */
    key: Uint8Array<ArrayBuffer>;
    /**
     * 12 bytes
     */
    iv: Uint8Array<ArrayBuffer>;
    /**
     * 16 bytes
     */
    tag: Uint8Array<ArrayBuffer>;
    ciphertext: Uint8Array<ArrayBuffer>;
};
export type RefusalPayload = {
    state: 2 | 3 | 4 | 5 | 6;
};
export type WirePayload = SuccessPayload | UpdatedPayload | RefusalPayload;
/**
 * Decode one whole wire payload.
 *
 * The parts are views of `bytes`, not copies. The ciphertext is not verified here: decryption checks its tag.
 *
 * @param {Uint8Array} bytes  the body of a response; never shared memory
 * @returns {WirePayload}
 * @throws {WireError} if the bytes are no payload; its `reason` names the failure
 */
export declare function decodePayload(bytes: Uint8Array): WirePayload;
