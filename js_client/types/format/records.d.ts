/** The image record: what an application's API hands to its page, so that the page may read one image. */
export type ImageRecord = {
    /**
     * `name` or `directory:name`, of a variant with `~` and the variant's name behind it
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
    /**
     * of the picture, in pixels
     */
    width?: number | undefined;
    height?: number | undefined;
    /**
     * padded standard base64 of a ThumbHash, for what to show meanwhile
     */
    placeholder?: string | undefined;
    /**
     * by their names: each is an image of its own
     */
    variants?: Record<string, ImageRecord> | undefined;
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
 * An image record as it arrives in JSON. Unknown further fields are ignored.
 *
 * @typedef {object} ImageRecord
 * @property {string} id  `name` or `directory:name`, of a variant with `~` and the variant's name behind it
 * @property {number} token  the version, 1 to 2**53 - 1
 * @property {{key: string, iv: string, tag: string}} meta  padded standard base64 of 32, 12 and 16 bytes
 * @property {string} statelessProof  opaque; sent along with the request
 * @property {number | undefined} [proofExpiresAt]  epoch milliseconds
 * @property {string | undefined} [ciphertextUrl]  where a copy of the ciphertext is, absolute or relative to the page
 * @property {number | undefined} [width]  of the picture, in pixels
 * @property {number | undefined} [height]
 * @property {string | undefined} [placeholder]  padded standard base64 of a ThumbHash, for what to show meanwhile
 * @property {Record<string, ImageRecord> | undefined} [variants]  by their names: each is an image of its own
 */
/**
 * What it takes to decrypt one version of an image: an AES-256 key of 32 bytes, a nonce of 12, a tag of 16.
 *
 * @typedef {{key: Uint8Array<ArrayBuffer>, iv: Uint8Array<ArrayBuffer>, tag: Uint8Array<ArrayBuffer>}} ImageMeta
 */
/**
 * @typedef {ImageMeta & {id: string, token: number, proof: string, expiresAt: number, copy: string}} ParsedRecord  `copy`
 *   is an absolute URL, or empty
 */
/**
 * Check a record and decode its parts.
 *
 * @param {unknown} value
 * @returns {ParsedRecord}
 * @throws {RecordError} whose `reason` names the part that is wrong
 */
export declare function parseRecord(value: unknown): ParsedRecord;
