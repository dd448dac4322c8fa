/**
 * Decrypts large stored images in a worker, which keeps the page responsive; in the page as long as there is none.
 *
 * A worker takes longer to start than an image takes to decrypt: no image waits for it.
 */
import type { ImageKey } from "./gcm.js";
export type InWorker = ReturnType<typeof createInWorker>;
/** @typedef {ReturnType<typeof createInWorker>} InWorker */
/** @param {() => Worker} startWorker */
export declare function createInWorker(startWorker: () => Worker): {
    start: (size: number) => void;
    close: () => void;
    /**
     * Rejects as `decrypt` does.
     *
     * @param {Blob} sealed
     * @param {ImageKey} key
     * @returns {Promise<Blob>}
     */
    decrypt(sealed: Blob, key: ImageKey): Promise<Blob>;
};
