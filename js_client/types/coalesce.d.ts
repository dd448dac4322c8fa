/**
 * Collect calls and answer them together: those of one tick, or, where answers must not overlap, also those that come
 * in while the last answer is on its way.
 *
 * @template Item, Result
 * @param {(items: Item[]) => Promise<(Result | Promise<Result>)[]>} answer  results in the order of the items
 * @param {number} most  items of one answer
 * @param {object} [manner]
 * @param {boolean} [manner.isInTurn]  answers must not overlap
 * @param {number} [manner.pauseMs]  calls that follow within it are answered together, too
 * @returns {(item: Item) => Promise<Result>}
 */
export declare function coalesce<Item, Result>(answer: (items: Item[]) => Promise<(Result | Promise<Result>)[]>, most: number, { isInTurn, pauseMs }?: {
    isInTurn?: boolean;
    pauseMs?: number;
}): (item: Item) => Promise<Result>;
