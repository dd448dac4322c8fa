import type { Priority } from "../options/options.js";
/** @import { Priority } from "../options/options.js" */
/**
 * Limits how many tasks run at once; the others wait, those of higher priority in front. A task whose signal is aborted
 * gives up its place, even if it goes on.
 *
 * @param {number} limit
 * @returns {<Result>(priority: Priority, signal: AbortSignal, task: () => Promise<Result>) => Promise<Result>}
 */
export declare function createQueue(limit: number): <Result>(priority: Priority, signal: AbortSignal, task: () => Promise<Result>) => Promise<Result>;
