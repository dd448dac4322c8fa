import type { Priority } from "../options/options.js";
/** @import { Priority } from "../options/options.js" */
/**
 * Limit how many tasks run at once. The others wait, higher priorities first. A task gives up its place when its signal
 * is aborted, even if it continues.
 *
 * @param {number} limit
 * @returns {<Result>(priority: Priority, signal: AbortSignal, task: () => Promise<Result>) => Promise<Result>}
 */
export declare function createQueue(limit: number): <Result>(priority: Priority, signal: AbortSignal, task: () => Promise<Result>) => Promise<Result>;
