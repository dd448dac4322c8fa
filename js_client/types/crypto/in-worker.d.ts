/**
 * Decrypts large stored images in a worker, so that the page stays responsive. Until the worker has started, the page
 * decrypts: starting a worker takes longer than decrypting an image.
 */
import type { ImageKey } from "./gcm.js";
export type InWorker = ReturnType<typeof createInWorker>;
/** @typedef {ReturnType<typeof createInWorker>} InWorker */
/** @param {() => Worker} startWorker */
export declare function createInWorker(startWorker: () => Worker): {
    start: (size?: number) => void;
    close: () => void;
    /**
     * Rejects as `decrypt` does.
     *
     * @param {Blob} sealed
     * @param {ImageKey} meta
     * @returns {Promise<Blob>}
     */
    decrypt(sealed: Blob, meta: ImageKey): Promise<Blob>;
};
