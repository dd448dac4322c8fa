/** How long an image may show no sign of life. */
export type Limit = ReturnType<typeof createLimit>;
/**
 * Make a limit; it does not run before it is started.
 *
 * @param {number} ms
 */
export declare function createLimit(ms: number): {
    signal: AbortSignal;
    stop: () => void;
    start: () => void;
    renew: () => void | 0 | undefined;
};
