/** The images of a test client, with their versions, records and proofs. They replace a server. */
import type { ImageRecord, ParsedRecord } from "../format/records.js";
export type Size = {
    /**
     * of the image; default a small PNG
     */
    bytes?: Uint8Array | undefined;
    /**
     * in pixels; default: the small PNG's
     */
    width?: number | undefined;
    height?: number | undefined;
    /**
     * a ThumbHash in base64
     */
    placeholder?: string | undefined;
};
export type Details = Omit<Size, "bytes"> & {
    variants?: Record<string, Size> | undefined;
};
export type Version = {
    token: number;
    bytes: Uint8Array;
    described: Omit<Size, "bytes">;
};
export type Images = ReturnType<typeof createImages>;
/** @param {number} proofMs  how long a proof lives */
export declare function createImages(proofMs: number): {
    record: (id: string, recipient?: string | undefined) => ImageRecord | null;
    remove: (id: string) => void;
    known: (id: string) => Version;
    /**
     * @param {string} id
     * @param {Uint8Array | undefined} bytes
     * @param {Details} details
     */
    add(id: string, bytes: Uint8Array | undefined, details: Details): void;
    /**
     * Omitted values stay as they are.
     *
     * @param {string} id
     * @param {Uint8Array | undefined} bytes
     * @param {Details} details
     */
    update(id: string, bytes: Uint8Array | undefined, details: Details): void;
    /**
     * Expire the proofs issued so far, of an image and its variants or of all images.
     *
     * @param {string} [id]
     */
    expire(id?: string): void;
    /**
     * Answer a record as a server does: with the current version, the format byte and the image.
     *
     * @param {ParsedRecord} asked
     */
    answer({ id, token: asked, key, proof, expiresAt }: ParsedRecord): {
        token: number;
        plaintext: Uint8Array<ArrayBuffer>;
    };
};
/** Return a PNG of 16 × 12 pixels. */
export declare const samplePng: () => Uint8Array<ArrayBuffer>;
/**
 * Return the format byte that the server puts before an image.
 *
 * @param {Uint8Array} bytes
 */
export declare function formatByteOf(bytes: Uint8Array): 1 | 2 | 4 | 5 | 6;
