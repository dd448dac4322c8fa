/** Brings bare ciphertext from where a record says that a copy is, such as a CDN. */
import type { Body, Download } from "./transport.js";
/**
 * @param {{parallel: number, timeoutMs: number}} options
 * @returns {(download: Download) => Promise<Body | undefined>}  undefined while copies are left alone
 */
export declare function createCopies({ parallel, timeoutMs }: {
    parallel: number;
    timeoutMs: number;
}): (download: Download) => Promise<Body | undefined>;
