/** Limits how many requests run at once, and how long an image may make no progress. */
import type { Priority } from "../options/options.js";
export type TimeLimit = ReturnType<typeof createTimeLimit>;
/** @import { Priority } from "../options/options.js" */
/** @typedef {ReturnType<typeof createTimeLimit>} TimeLimit */
/**
 * Limit how many tasks run at once. The others wait, higher priorities first. A task gives up its place when its signal
 * is aborted, even if it continues.
 *
 * @param {number} limit
 * @returns {<Result>(priority: Priority, signal: AbortSignal, task: () => Promise<Result>) => Promise<Result>}
 */
export declare function createQueue(limit: number): <Result>(priority: Priority, signal: AbortSignal, task: () => Promise<Result>) => Promise<Result>;
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
