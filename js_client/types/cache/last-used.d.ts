/**
 * Note when images were used. It is time to write that down every 2 s, and when the page is hidden, which may be its
 * end.
 */
/** A strictly rising time in epoch milliseconds: images used within one millisecond have an order, too. */
export declare const risingTime: () => number;
/**
 * @param {() => void} write  writes down what `takeAll` hands out
 */
export declare function createLastUsed(write: () => void): {
    flush: () => void;
    /** @param {string} id */
    touch(id: string): void;
    /** Hand out what is not written down yet: epoch milliseconds by id. */
    takeAll(): Map<string, number>;
};
