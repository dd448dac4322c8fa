/**
 * Which images are requested in one batch, and which alone. The images requested in one tick, in order:
 *
 * | condition | request |
 * |---|---|
 * | the endpoint takes no batches | each image alone |
 * | one image, same origin | alone: a GET is as fast |
 * | one image, other origin | a batch of one: a GET has headers and needs a preflight, the batch needs none |
 * | several images of the same priority and of distinct ids | one batch of up to BATCH_LIMIT |
 *
 * A batch may end before every image got its answer:
 *
 * | condition | next step |
 * |---|---|
 * | a batch was answered before, at least in part | the remaining images fail |
 * | the server is busy or failed: status 408, 425, 429 or 5xx but 501 | the remaining images fail |
 * | the network failed, same origin | the remaining images fail |
 * | any other status; or the network failed, other origin (CORS hides the status) | request the first image alone |
 *
 * If that image alone gets an image, a wire state or another HTTP status, then single requests work better: the others
 * are requested alone, too. After one HTTP status, or after two network errors, the endpoint counts as one that takes
 * no batches, as that of the npm package.
 */
import type { ImageRequest } from "./request.js";
/** @param {boolean} isSameOrigin  of page and endpoint */
export declare function createBatching(isSameOrigin: boolean): {
    /** @param {ImageRequest[]} requests  of one batch */
    sendsAlone: (requests: ImageRequest[]) => boolean;
    /** The endpoint has answered a batch, at least in part. */
    trust(): void;
    /**
     * Whether a single request may succeed although its batch failed.
     *
     * @param {any} error  of the batch
     */
    mayWorkAlone: (error: any) => boolean;
    /**
     * Whether a single request has worked better than its batch; then the endpoint is in doubt.
     *
     * @param {any} error  of the batch
     * @param {any} outcome  the body of the single request, or its error
     */
    doubt(error: any, outcome: any): boolean;
};
/**
 * Sort requests into batches, each of one priority and of distinct ids.
 *
 * @param {ImageRequest[]} requests
 */
export declare function batchesOf(requests: ImageRequest[]): ImageRequest[][];
