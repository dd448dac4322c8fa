/** Limits how long an image may make no progress. */
export type TimeLimit = ReturnType<typeof createTimeLimit>;
/**
 * Make a limit. It runs once `start` is called.
 *
 * @param {number} ms
 * @param {AbortController} controller  aborted with a FetchError when the time is over
 */
export declare function createTimeLimit(ms: number, controller: AbortController): {
    stop: () => void;
    start: () => void;
    renew: () => void | 0 | undefined;
};
