import type { Priority } from "../options/options.js";
/** @import { Priority } from "../options/options.js" */
/**
 * Limit how many tasks run at once. The others wait, higher priorities first. A task whose signal is aborted gives up its
 * place, even if it continues.
 *
 * @param {number} limit
 * @returns {<Result>(priority: Priority, signal: AbortSignal, task: () => Promise<Result>) => Promise<Result>}
 */
export declare function createQueue(limit: number): <Result>(priority: Priority, signal: AbortSignal, task: () => Promise<Result>) => Promise<Result>;
