/**
 * Collect calls and answer them together: those of one tick, or, where answers must not overlap, also those that come
 * in while the last answer is on its way.
 *
 * @template Item, Result
 * @param {(items: Item[]) => Promise<(Result | Promise<Result>)[]>} answer  results in the order of the items
 * @param {boolean} [isInTurn]  answers must not overlap
 * @param {number} [most]  items of one answer; by default as many as a batch takes
 * @param {number} [pauseMs]  calls that follow within it are answered together, too
 * @returns {(item: Item) => Promise<Result>}
 */
export declare function coalesce<Item, Result>(answer: (items: Item[]) => Promise<(Result | Promise<Result>)[]>, isInTurn?: boolean, most?: number, pauseMs?: number): (item: Item) => Promise<Result>;
