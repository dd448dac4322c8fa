/** From a record to a verified image over the network, tried again where that may help. */
import type { Body, Download } from "./transport.js";
export type Downloaded = {
    token: number;
    sealed: Uint8Array<ArrayBuffer>;
    plaintext: Uint8Array<ArrayBuffer>;
};
/**
 * @param {(download: Download) => Promise<Body>} transport
 * @param {number} retries  after a first attempt that failed for the network or the server
 * @returns {(download: Download) => Promise<Downloaded>}
 */
export declare function createDownload(transport: (download: Download) => Promise<Body>, retries: number): (download: Download) => Promise<Downloaded>;
