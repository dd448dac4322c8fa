/**
 * Notes when images were used. The times are written every 2 s, and when the page is hidden, because it may end then.
 */
/** A strictly rising time in epoch milliseconds, so that images used within one millisecond have an order. */
export declare const risingTime: () => number;
/**
 * @param {() => void} write  stores the times that `takeAll` returns
 */
export declare function createLastUsed(write: () => void): {
    flush: () => void;
    /** @param {string} id */
    touch(id: string): void;
    /** Return the times not yet written, epoch milliseconds by id, and forget them. */
    takeAll(): Map<string, number>;
};
