/** What goes wrong with the images of a test client, or takes its time: of an image, and of its variants with it. */
export type Troubles = ReturnType<typeof createTroubles>;
/** @typedef {ReturnType<typeof createTroubles>} Troubles */
/** @param {number} delayMs  that every load takes, unless told otherwise */
export declare function createTroubles(delayMs: number): {
    /**
     * @param {string} id
     * @param {(() => unknown) | undefined} error  nothing where it fails no more
     * @param {number} times
     */
    fail(id: string, error: (() => unknown) | undefined, times: number): void;
    /**
     * @param {string} id
     * @param {number} ms
     */
    delay: (id: string, ms: number) => undefined;
    /** @param {string} id */
    hold(id: string): void;
    /** @param {string} id */
    release(id: string): void;
    /**
     * Take the time that an image takes, and fail where it fails.
     *
     * @param {string} id
     */
    meet(id: string): Promise<void>;
};
