/** Loads one image: from the cache, otherwise over the network, with a fresh record if its proof has expired. */
import type { ImageCache } from "../cache/cache.js";
import type { InWorker } from "../crypto/in-worker.js";
import type { ImageRequest, Loaded } from "../network/request.js";
import type { CacheKind } from "../options/options.js";
import type { createDownload } from "./download.js";
import type { Reported } from "./storage-failures.js";
import type { Tabs } from "./tabs.js";
export type Load = (request: ImageRequest) => Promise<Loaded>;
/**
 * @param {object} parts
 * @param {{cache: CacheKind}} parts.options
 * @param {ImageCache} parts.cache
 * @param {Tabs} parts.tabs
 * @param {ReturnType<typeof createDownload>} parts.download
 * @param {InWorker} parts.inWorker
 * @param {Reported} parts.reported
 * @returns {Load}
 */
export declare function createLoad({ options, cache, tabs, download, inWorker, reported }: {
    options: {
        cache: CacheKind;
    };
    cache: ImageCache;
    tabs: Tabs;
    download: ReturnType<typeof createDownload>;
    inWorker: InWorker;
    reported: Reported;
}): Load;
