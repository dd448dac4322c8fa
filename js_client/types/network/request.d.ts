/** One image on its way from `getImage` to its caller: the only record that cache, tabs and network share. */
import type { ImageRecord, ParsedRecord } from "../format/records.js";
import type { Priority, RefreshRecord } from "../options/options.js";
import type { Body, OnReceived } from "./body.js";
import type { TimeLimit } from "./limits.js";
export type Asked = {
    /**
     * the caller's own object, because a custom fetcher may read further fields of it
     */
    record: ImageRecord;
    parsed: ParsedRecord;
    context: unknown;
    /**
     * undefined once it was called
     */
    refreshRecord: RefreshRecord | undefined;
    priority: Priority;
    onProgress: OnReceived;
};
export type Loaded = {
    image: Blob;
    /**
     * of the image; it may be newer than the record's
     */
    token: number;
    /**
     * the image was cached
     */
    isHit: boolean;
    /**
     * the image is older than the record: show it, but do not keep it
     */
    isOutdated?: boolean;
    /**
     * settles once the cache has stored the image, if it does
     */
    stored?: Promise<void> | undefined;
};
export type ImageRequest = Asked & {
    given: ParsedRecord;
    controller: AbortController;
    signal: AbortSignal;
    limit: TimeLimit;
    callers: number;
    isVoid: boolean;
    hasWaited: boolean;
    since: Promise<number> | number;
    loaded: Promise<Loaded>;
    resolve: (body: Body | Promise<Body>) => void;
    reject: (reason: unknown) => void;
};
/** @import { ImageRecord, ParsedRecord } from "../format/records.js" */
/** @import { Priority, RefreshRecord } from "../options/options.js" */
/** @import { Body, OnReceived } from "./body.js" */
/** @import { TimeLimit } from "./limits.js" */
/**
 * The arguments of one `getImage` call.
 *
 * @typedef {object} Asked
 * @property {ImageRecord} record  the caller's own object, because a custom fetcher may read further fields of it
 * @property {ParsedRecord} parsed
 * @property {unknown} context
 * @property {RefreshRecord | undefined} refreshRecord  undefined once it was called
 * @property {Priority} priority
 * @property {OnReceived} onProgress
 */
/**
 * The result of a load.
 *
 * @typedef {object} Loaded
 * @property {Blob} image
 * @property {number} token  of the image; it may be newer than the record's
 * @property {boolean} isHit  the image was cached
 * @property {boolean} [isOutdated]  the image is older than the record: show it, but do not keep it
 * @property {Promise<void> | undefined} [stored]  settles once the cache has stored the image, if it does
 */
/**
 * `record` and `parsed` are replaced if the proof has expired; `given` stays.
 *
 * @typedef {Asked & {
 *   given: ParsedRecord,
 *   controller: AbortController,
 *   signal: AbortSignal,
 *   limit: TimeLimit,
 *   callers: number,
 *   isVoid: boolean,
 *   hasWaited: boolean,
 *   since: Promise<number> | number,
 *   loaded: Promise<Loaded>,
 *   resolve: (body: Body | Promise<Body>) => void,
 *   reject: (reason: unknown) => void,
 * }} ImageRequest
 *
 * | property | set by | meaning |
 * |---|---|---|
 * | `given` | get-image.js | the caller's record: its id and token name the load that callers share |
 * | `controller`, `signal` | get-image.js | end the load |
 * | `limit` | get-image.js | runs while the image is expected to make progress |
 * | `callers` | in-flight.js | how many wait for the load |
 * | `isVoid` | in-flight.js | the image was removed meanwhile: deliver it, but do not keep it |
 * | `loaded` | in-flight.js | the load's result |
 * | `since` | load.js | number of the latest removal when the load began |
 * | `hasWaited` | load.js | another tab's download was awaited already |
 * | `resolve`, `reject` | transport.js | answer the current attempt of the download |
 */
/** A proof that expires sooner may have expired when the request arrives. */
export declare const ARRIVAL_MS = 1000;
/**
 * @param {Asked} asked
 * @param {number} timeoutMs  how long the image may make no progress
 * @returns {ImageRequest}
 */
export declare function createRequest(asked: Asked, timeoutMs: number): ImageRequest;
