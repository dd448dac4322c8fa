/** The image record, which an application's API hands to its page so that the page may read one image. */
export type ImageRecord = {
    /**
     * `name` or `directory:name`; a variant's id ends in `~` and the variant's name
     */
    id: string;
    /**
     * the version, 1 to 2**53 - 1
     */
    token: number;
    /**
     * padded standard base64 of 32, 125, 12 and 16
     * bytes; a sealed record has `sealed` in place of `key`
     */
    meta: {
        key?: string | undefined;
        sealed?: string | undefined;
        iv: string;
        tag: string;
    };
    /**
     * opaque; it is sent with each request
     */
    statelessProof: string;
    /**
     * epoch milliseconds
     */
    proofExpiresAt?: number | undefined;
    /**
     * URL of a copy of the ciphertext, absolute or relative to the page
     */
    ciphertextUrl?: string | undefined;
    /**
     * of the picture, in pixels
     */
    width?: number | undefined;
    /**
     * of the picture, in pixels
     */
    height?: number | undefined;
    /**
     * padded standard base64 of a ThumbHash, shown while the picture loads
     */
    placeholder?: string | undefined;
    /**
     * by name; each variant is an image of its own
     */
    variants?: Record<string, ImageRecord> | undefined;
};
export type ImageMeta = {
    /**
     * until `opened` of crypto/recipient.js, a sealed key is
     * 125 bytes
     */
    key: Uint8Array<ArrayBuffer> | Promise<CryptoKey>;
    iv: Uint8Array<ArrayBuffer>;
    tag: Uint8Array<ArrayBuffer>;
};
export type ParsedRecord = ImageMeta & {
    id: string;
    token: number;
    proof: string;
    expiresAt: number;
    copy: string;
    kept?: object | undefined;
};
/**
 * An image record, as it arrives in JSON. Unknown further fields are ignored.
 *
 * @typedef {object} ImageRecord
 * @property {string} id  `name` or `directory:name`; a variant's id ends in `~` and the variant's name
 * @property {number} token  the version, 1 to 2**53 - 1
 * @property {{key?: string | undefined, sealed?: string | undefined, iv: string, tag: string}} meta  padded standard base64 of 32, 125, 12 and 16
 *   bytes; a sealed record has `sealed` in place of `key`
 * @property {string} statelessProof  opaque; it is sent with each request
 * @property {number | undefined} [proofExpiresAt]  epoch milliseconds
 * @property {string | undefined} [ciphertextUrl]  URL of a copy of the ciphertext, absolute or relative to the page
 * @property {number | undefined} [width]  of the picture, in pixels
 * @property {number | undefined} [height]  of the picture, in pixels
 * @property {string | undefined} [placeholder]  padded standard base64 of a ThumbHash, shown while the picture loads
 * @property {Record<string, ImageRecord> | undefined} [variants]  by name; each variant is an image of its own
 */
/**
 * The input of decryption: an AES-256 key of 32 bytes, or a handle of it; a nonce of 12 bytes, a tag of 16 bytes.
 *
 * @typedef {object} ImageMeta
 * @property {Uint8Array<ArrayBuffer> | Promise<CryptoKey>} key  until `opened` of crypto/recipient.js, a sealed key is
 *   125 bytes
 * @property {Uint8Array<ArrayBuffer>} iv
 * @property {Uint8Array<ArrayBuffer>} tag
 */
/**
 * @typedef {ImageMeta & {id: string, token: number, proof: string, expiresAt: number, copy: string, kept?: object | undefined}} ParsedRecord
 *   `expiresAt` in epoch milliseconds, `copy` an absolute URL or empty; `kept`: see stored/offline.js
 */
/** Lengths in bytes of an AES-256 key, a sealed key, a GCM nonce and a GCM tag. */
export declare const KEY_BYTES = 32;
export declare const IV_BYTES = 12;
export declare const TAG_BYTES = 16;
/**
 * Check a record and decode its parts.
 *
 * @param {unknown} value
 * @returns {ParsedRecord}
 * @throws {RecordError} if a part is wrong; its `reason` names the part
 */
export declare function parseRecord(value: unknown): ParsedRecord;
/** The URL that relative URLs belong to; undefined outside of a browser. */
export declare const baseUrl: () => string;
