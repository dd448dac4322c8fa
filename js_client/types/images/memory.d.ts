export type Memory = ReturnType<typeof createMemory>;
/** @typedef {ReturnType<typeof createMemory>} Memory */
/**
 * The images that were shown last, in memory: one version of each, the least recently used one first. None takes more
 * than a fourth of it.
 *
 * @param {number} limit  in bytes
 */
export declare function createMemory(limit: number): {
    /**
     * @param {string} id
     * @param {number} token
     */
    get(id: string, token: number): Blob | undefined;
    /**
     * @param {string} id
     * @param {number[]} tokens  of the image, and of the record that it was asked for with, which may be older
     * @param {Blob} image
     */
    put(id: string, tokens: number[], image: Blob): void;
    /**
     * Remove an image and its variants, or all images, and tell whether there was one of them.
     *
     * @param {string} [original]
     */
    remove(original?: string): boolean;
    /** @param {string} id */
    has: (id: string) => boolean;
    stats: () => {
        memoryImages: number;
        memoryBytes: number;
    };
};
