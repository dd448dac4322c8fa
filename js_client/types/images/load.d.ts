/** The life of one image: out of the cache, else over the network, with a fresh record where its proof has expired. */
import type { ImageCache } from "../cache/cache.js";
import type { InWorker } from "../crypto/in-worker.js";
import type { ImageRecord, ParsedRecord } from "../format/records.js";
import type { OnReceived } from "../network/body.js";
import type { TimeLimit } from "../network/time-limit.js";
import type { CacheKind, Priority, RefreshRecord } from "../options/options.js";
import type { createDownload } from "./download.js";
import type { Reported } from "./storage-failures.js";
import type { Tabs } from "./tabs.js";
export type Plan = {
    id: string;
    token: number;
    /**
     * the caller's own object: a fetcher may use fields of it that this client doesn't know
     */
    record: ImageRecord;
    parsed: ParsedRecord;
    context: unknown;
    refreshRecord: RefreshRecord | undefined;
    priority: Priority;
    onProgress: OnReceived;
};
export type Bounds = {
    /**
     * ends it
     */
    signal: AbortSignal;
    /**
     * runs where a sign of life is due
     */
    limit: TimeLimit;
    /**
     * whether the image may still be stored
     */
    mayKeep: () => boolean;
};
export type Loaded = {
    image: Blob;
    /**
     * of the image, which may be newer than the record
     */
    token: number;
    /**
     * it was cached
     */
    isHit: boolean;
    /**
     * it is older than the record, for showing only
     */
    isOutdated?: boolean;
    /**
     * settles when it is stored, where it is
     */
    stored?: Promise<void> | undefined;
};
export type Load = (plan: Plan, bounds: Bounds) => Promise<Loaded>;
export type Attempt = Plan & Bounds & {
    since: Promise<number>;
    hasWaited?: boolean;
};
/**
 * @param {object} parts
 * @param {CacheKind} parts.kind  what the cache keeps
 * @param {ImageCache} parts.cache
 * @param {Tabs} parts.tabs
 * @param {ReturnType<typeof createDownload>} parts.download
 * @param {InWorker} parts.inWorker
 * @param {Reported} parts.reported
 * @returns {Load}
 */
export declare function createLoad({ kind, cache, tabs, download, inWorker, reported }: {
    kind: CacheKind;
    cache: ImageCache;
    tabs: Tabs;
    download: ReturnType<typeof createDownload>;
    inWorker: InWorker;
    reported: Reported;
}): Load;
