/** Gets images: from memory, otherwise by a load that is shared with other callers. */
import type { ImageCache } from "../cache/cache.js";
import type { ImageRecord } from "../format/records.js";
import type { ImageOptions, RefreshRecord } from "../options/options.js";
import type { InFlight } from "./in-flight.js";
import type { Memory } from "./memory.js";
import type { Tabs } from "./tabs.js";
export type ImageResult = {
    record: ImageRecord;
    blob: Blob;
    error?: undefined;
} | {
    record: ImageRecord;
    blob?: undefined;
    error: Error;
};
/** @import { ImageCache } from "../cache/cache.js" */
/** @import { ImageRecord } from "../format/records.js" */
/** @import { ImageOptions, RefreshRecord } from "../options/options.js" */
/** @import { InFlight } from "./in-flight.js" */
/** @import { Memory } from "./memory.js" */
/** @import { Tabs } from "./tabs.js" */
/** @typedef {{record: ImageRecord, blob: Blob, error?: undefined} | {record: ImageRecord, blob?: undefined, error: Error}} ImageResult */
/**
 * @param {object} parts
 * @param {{timeoutMs: number}} parts.options  `timeoutMs`: how long an image may make no progress
 * @param {RefreshRecord | undefined} parts.refreshRecord  the client's own
 * @param {ImageCache} parts.cache
 * @param {Memory} parts.memory
 * @param {Tabs} parts.tabs
 * @param {InFlight} parts.inFlight
 * @param {{hits: number, downloads: number}} parts.counts
 */
export declare function createGetImage({ options, refreshRecord: ownRefresh, cache, memory, tabs, inFlight, counts }: {
    options: {
        timeoutMs: number;
    };
    refreshRecord: RefreshRecord | undefined;
    cache: ImageCache;
    memory: Memory;
    tabs: Tabs;
    inFlight: InFlight;
    counts: {
        hits: number;
        downloads: number;
    };
}): (record: ImageRecord, imageOptions?: ImageOptions, asked?: number) => Promise<Blob>;
/**
 * Get many images, and yield each as soon as it is ready.
 *
 * @param {(record: ImageRecord, options: ImageOptions) => Promise<Blob>} getImage
 */
export declare function createGetImages(getImage: (record: ImageRecord, options: ImageOptions) => Promise<Blob>): (records: Iterable<ImageRecord>, imageOptions?: ImageOptions) => AsyncGenerator<ImageResult, void, void>;
