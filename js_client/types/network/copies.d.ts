/** Fetches bare ciphertext from the copy that a record names, such as one on a CDN. */
import type { Body } from "./body.js";
import type { ImageRequest } from "./request.js";
/**
 * @param {{parallel: number, timeoutMs: number}} options
 * @returns {(request: ImageRequest) => Promise<Body | undefined>}  undefined while no copy is requested
 */
export declare function createCopies({ parallel, timeoutMs }: {
    parallel: number;
    timeoutMs: number;
}): (request: ImageRequest) => Promise<Body | undefined>;
