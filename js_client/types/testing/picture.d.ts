/** Image bytes for tests. */
/** A PNG of SIZE that every browser draws. */
export declare const samplePng: () => Uint8Array<ArrayBuffer>;
export declare const SIZE: Readonly<{
    width: 16;
    height: 12;
}>;
/**
 * The format byte that the server puts before an image.
 *
 * @param {Uint8Array} bytes
 */
export declare function formatByteOf(bytes: Uint8Array): 1 | 2 | 4 | 5 | 6;
