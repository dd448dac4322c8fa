/** @typedef {"high" | "auto" | "low"} Priority */
export type Priority = "high" | "auto" | "low";
/**
 * Limits how many tasks run at once; the others wait, those of higher priority in front.
 *
 * @param {number} limit
 * @returns {<Result>(priority: Priority, task: () => Promise<Result>) => Promise<Result>}
 */
export declare function createQueue(limit: number): <Result>(priority: Priority, task: () => Promise<Result>) => Promise<Result>;
