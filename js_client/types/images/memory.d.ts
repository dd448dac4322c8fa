export type Memory = ReturnType<typeof createMemory>;
/** @typedef {ReturnType<typeof createMemory>} Memory */
/**
 * Keep recently shown images in memory, one version of each. The least recently used images are evicted first. An image
 * above a fourth of the limit is not kept.
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
     * @param {number[]} tokens  of the image and of the caller's record, which may be older
     * @param {Blob} image
     */
    put(id: string, tokens: number[], image: Blob): void;
    /**
     * Remove an image and its variants, or all images.
     *
     * @param {string} [original]
     * @returns {boolean}  whether there was any
     */
    remove(original?: string): boolean;
    /** @param {string} id */
    has: (id: string) => boolean;
    stats: () => {
        memoryImages: number;
        memoryBytes: number;
    };
};
