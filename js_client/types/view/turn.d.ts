/** The loading order of a page: pictures of low priority, such as those out of sight, load after the others. */
/**
 * Note whether loads of low priority must wait for a view.
 *
 * @param {object} view
 * @param {boolean} isAhead
 */
export declare function setAhead(view: object, isAhead: boolean): void;
/**
 * Wait until no view is loading at a higher priority.
 *
 * @param {AbortSignal} signal  ends the wait
 */
export declare function untilFirst(signal: AbortSignal): Promise<void>;
