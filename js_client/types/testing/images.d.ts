/** The images that a test client has in place of a server's: their versions, their records, their proofs. */
import type { ImageRecord, ParsedRecord } from "../format/records.js";
export type Size = {
    /**
     * of the image; default a small PNG
     */
    bytes?: Uint8Array | undefined;
    /**
     * in pixels; default that PNG's, where the image is that
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
    record: (id: string) => ImageRecord | null;
    remove: (id: string) => void;
    known: (id: string) => Version;
    /**
     * @param {string} id
     * @param {Uint8Array | undefined} bytes
     * @param {Details} details
     */
    add(id: string, bytes: Uint8Array | undefined, details: Details): void;
    /**
     * What is not given stays as it was.
     *
     * @param {string} id
     * @param {Uint8Array | undefined} bytes
     * @param {Details} details
     */
    update(id: string, bytes: Uint8Array | undefined, details: Details): void;
    /**
     * End the proofs of an image and its variants, or all, that are out.
     *
     * @param {string} [id]
     */
    expire(id?: string): void;
    /**
     * What a server answers to a record: the current version, as the format byte and the image.
     *
     * @param {ParsedRecord} asked
     */
    answer({ id, proof, expiresAt }: ParsedRecord): {
        token: number;
        plaintext: Uint8Array<ArrayBuffer>;
    };
};
