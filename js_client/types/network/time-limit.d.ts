/** How long an image may show no sign of life. */
export type TimeLimit = ReturnType<typeof createTimeLimit>;
/**
 * Make a limit; it does not run before it is started.
 *
 * @param {number} ms
 * @param {AbortController} controller  aborted when the time is up
 */
export declare function createTimeLimit(ms: number, controller: AbortController): {
    stop: () => void;
    start: () => void;
    renew: () => void | 0 | undefined;
};
