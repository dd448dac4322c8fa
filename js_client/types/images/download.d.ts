/** From a record to a verified image over the network: of a copy, else of the endpoint, tried again where that may help. */
import type { Body, Download } from "../network/transport.js";
export type Downloaded = {
    token: number;
    sealed: Uint8Array<ArrayBuffer>;
    plaintext: Uint8Array<ArrayBuffer>;
};
/**
 * @param {(download: Download) => Promise<Body>} transport
 * @param {(download: Download) => Promise<Body | undefined>} copies
 * @param {object} options
 * @param {number} options.retries  after a first attempt that failed for the network or the server
 * @param {number} options.timeoutMs  the longest pause that a server may ask for
 * @returns {(download: Download) => Promise<Downloaded>}
 */
export declare function createDownload(transport: (download: Download) => Promise<Body>, copies: (download: Download) => Promise<Body | undefined>, { retries, timeoutMs }: {
    retries: number;
    timeoutMs: number;
}): (download: Download) => Promise<Downloaded>;
