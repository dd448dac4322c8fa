/** Brings wire payloads: those asked for in one tick in batches, others each by a request of its own. */
import type { ImageRecord, ParsedRecord } from "../format/records.js";
import type { Priority } from "../options/options.js";
import type { OnReceived } from "./body.js";
import type { Endpoint, ImageFetcher } from "./request.js";
import type { TimeLimit } from "./time-limit.js";
export type Download = {
    /**
     * for a fetcher
     */
    record: ImageRecord;
    parsed: ParsedRecord;
    context: unknown;
    priority: Priority;
    signal: AbortSignal;
    /**
     * runs from its request on
     */
    limit: TimeLimit;
    onProgress: OnReceived;
};
export type Body = Uint8Array<ArrayBuffer>;
export type Call = {
    download: Download;
    resolve: (body: Body | Promise<Body>) => void;
    reject: (reason: unknown) => void;
};
/** @import { ImageRecord, ParsedRecord } from "../format/records.js" */
/** @import { Priority } from "../options/options.js" */
/** @import { OnReceived } from "./body.js" */
/** @import { Endpoint, ImageFetcher } from "./request.js" */
/** @import { TimeLimit } from "./time-limit.js" */
/**
 * @typedef {object} Download
 * @property {ImageRecord} record  for a fetcher
 * @property {ParsedRecord} parsed
 * @property {unknown} context
 * @property {Priority} priority
 * @property {AbortSignal} signal
 * @property {TimeLimit} limit  runs from its request on
 * @property {OnReceived} onProgress
 */
/** @typedef {Uint8Array<ArrayBuffer>} Body  with room behind it, see body.js */
/**
 * A download that is to be answered.
 *
 * @typedef {object} Call
 * @property {Download} download
 * @property {(body: Body | Promise<Body>) => void} resolve
 * @property {(reason: unknown) => void} reject
 */
/**
 * @param {Endpoint & {parallel: number}} options  `parallel`: most requests at once
 * @param {ImageFetcher} [fetcher]  instead of requests to the endpoint
 * @returns {(download: Download) => Promise<Body>}  rejects with FetchError, RefusedError, WireError or ConfigError
 */
export declare function createTransport(options: Endpoint & {
    parallel: number;
}, fetcher?: ImageFetcher): (download: Download) => Promise<Body>;
