/** Retries: the views of a page that failed because of the network or the server try again together, in one batch. */
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
