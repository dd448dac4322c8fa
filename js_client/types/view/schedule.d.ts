/**
 * When the views of a page load: pictures of low priority, such as those out of sight, load after the others. Views that
 * failed because of the network or the server try again together, in one batch.
 */
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
/**
 * Whether a retry may show the image. A refused image stays refused.
 *
 * @param {any} error
 */
export declare const mayComeLater: (error: any) => boolean;
/**
 * Call `retry` after a pause, or when the browser is online again.
 *
 * @param {() => void} retry
 * @param {number} failures  in a row, before this one
 * @returns {() => void}  cancels the retry
 */
export declare function tryLater(retry: () => void, failures: number): () => void;
