/** The views of a page that failed because of the network or the server: they try again together, in one batch. */
/**
 * Whether the image may come later by itself. A refused image does not.
 *
 * @param {any} error
 */
export declare const mayComeLater: (error: any) => boolean;
/**
 * Have `retry` called after a pause, or when the browser is online again.
 *
 * @param {() => void} retry
 * @param {number} failures  in a row, before this one
 * @returns {() => void}  ends it
 */
export declare function tryLater(retry: () => void, failures: number): () => void;
