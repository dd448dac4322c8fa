/** The order of a page's pictures: those of low priority, as all out of sight are, load after the others. */
/**
 * Note whether loads of low priority must wait for a view.
 *
 * @param {object} view
 * @param {boolean} isAhead
 */
export declare function setAhead(view: object, isAhead: boolean): void;
/**
 * Wait until no view loads at a higher priority.
 *
 * @param {AbortSignal} signal  ends the wait
 */
export declare function untilFirst(signal: AbortSignal): Promise<void>;
