/** Answers calls together: one batch of images, one IndexedDB transaction, one request for records. */
/** The most images in one batch: the server's limit. As many are read, written and claimed together. */
export declare const BATCH_LIMIT = 25;
/** The frames of one batch arrive one after another. Their follow-up work waits this long and is done together. */
export declare const FRAMES_MS = 20;
/**
 * Make a function that collects calls and answers them together.
 *
 * @template Item, Result
 * @param {(items: Item[]) => Promise<(Result | Promise<Result>)[]>} answer  resolves to the results in the order of the
 *   items
 * @param {number} most  the most items per answer
 * @param {object} [timing]  default: the calls of one tick are answered together
 * @param {boolean} [timing.isInTurn]  answers must not overlap: calls wait until the previous answer is complete
 * @param {number} [timing.pauseMs]  the first call waits this many milliseconds for further calls
 * @returns {(item: Item) => Promise<Result>}
 */
export declare function coalesce<Item, Result>(answer: (items: Item[]) => Promise<(Result | Promise<Result>)[]>, most: number, { isInTurn, pauseMs }?: {
    isInTurn?: boolean;
    pauseMs?: number;
}): (item: Item) => Promise<Result>;
