/**
 * The wire payload: one state byte, and for an image what it takes to read it.
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
 * Any bytes either decode or raise WireError, whose `reason` says how they fail. The parts are views of `bytes`, not
 * copies. The ciphertext is not checked here: the tag does that.
 *
 * @param {Uint8Array} bytes  of a response, so never of shared memory
 * @returns {WirePayload}
 */
export declare function decodePayload(bytes: Uint8Array): WirePayload;
