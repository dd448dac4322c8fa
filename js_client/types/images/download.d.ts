/** Downloads and verifies one image: from a copy, otherwise from the endpoint, with retries if they may help. */
import type { Body } from "../network/body.js";
import type { ImageRequest } from "../network/request.js";
export type Downloaded = {
    token: number;
    sealed: Uint8Array<ArrayBuffer>;
    plaintext: Uint8Array<ArrayBuffer>;
};
/**
 * @param {(request: ImageRequest) => Promise<Body>} transport
 * @param {(request: ImageRequest) => Promise<Body | undefined>} copies
 * @param {object} options
 * @param {number} options.retries  further attempts if the network or the server failed
 * @param {number} options.timeoutMs  the longest pause that the server may ask for
 * @returns {(request: ImageRequest) => Promise<Downloaded>}
 */
export declare function createDownload(transport: (request: ImageRequest) => Promise<Body>, copies: (request: ImageRequest) => Promise<Body | undefined>, { retries, timeoutMs }: {
    retries: number;
    timeoutMs: number;
}): (request: ImageRequest) => Promise<Downloaded>;
