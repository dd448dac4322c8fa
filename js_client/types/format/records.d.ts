/** The image record: what an application's API hands to its page, so that the page may read one image. */
export type ImageRecord = {
    /**
     * `name` or `directory:name`
     */
    id: string;
    /**
     * the version, 1 to 2**53 - 1
     */
    token: number;
    /**
     * padded standard base64 of 32, 12 and 16 bytes
     */
    meta: {
        key: string;
        iv: string;
        tag: string;
    };
    /**
     * opaque; sent along with the request
     */
    statelessProof: string;
    /**
     * epoch milliseconds
     */
    proofExpiresAt?: number | undefined;
    /**
     * where a copy of the ciphertext is, absolute or relative to the page
     */
    ciphertextUrl?: string | undefined;
};
export type ImageMeta = {
    key: Uint8Array<ArrayBuffer>;
    iv: Uint8Array<ArrayBuffer>;
    tag: Uint8Array<ArrayBuffer>;
};
export type ParsedRecord = ImageMeta & {
    id: string;
    token: number;
    proof: string;
    expiresAt: number;
    copy: string;
};
/**
 * Check a record and decode its parts.
 *
 * @param {unknown} value
 * @returns {ParsedRecord}
 * @throws {RecordError} whose `reason` names the part that is wrong
 */
export declare function parseRecord(value: unknown): ParsedRecord;
