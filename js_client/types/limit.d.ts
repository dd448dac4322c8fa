export type Limit = ReturnType<typeof createLimit>;
/**
 * How long an image may show no sign of life. It does not run before it is started.
 *
 * @param {number} ms
 */
export declare function createLimit(ms: number): {
    signal: AbortSignal;
    stop: () => void;
    start: () => void;
    renew: () => void | 0 | undefined;
};
