/** Loads one image: from the cache, otherwise over the network, with a fresh record if its proof has expired or it is sealed to another page. */
import type { ImageCache } from "../cache/cache.js";
import type { InWorker } from "../crypto/in-worker.js";
import type { Recipient } from "../crypto/recipient.js";
import type { ImageRequest, Loaded } from "../network/request.js";
import type { CacheKind } from "../options/options.js";
import type { createDownload } from "./download.js";
import type { Reported } from "./storage-failures.js";
import type { Tabs } from "./tabs.js";
export type Load = (request: ImageRequest) => Promise<Loaded>;
/** @import { ImageCache } from "../cache/cache.js" */
/** @import { InWorker } from "../crypto/in-worker.js" */
/** @import { Recipient } from "../crypto/recipient.js" */
/** @import { ParsedRecord } from "../format/records.js" */
/** @import { ImageRequest, Loaded } from "../network/request.js" */
/** @import { CacheKind } from "../options/options.js" */
/** @import { createDownload } from "./download.js" */
/** @import { Reported } from "./storage-failures.js" */
/** @import { Tabs } from "./tabs.js" */
/** @typedef {(request: ImageRequest) => Promise<Loaded>} Load */
/**
 * @param {object} parts
 * @param {{cache: CacheKind}} parts.options
 * @param {Recipient} parts.recipient
 * @param {ImageCache} parts.cache
 * @param {Tabs} parts.tabs
 * @param {ReturnType<typeof createDownload>} parts.download
 * @param {InWorker} parts.inWorker
 * @param {Reported} parts.reported
 * @returns {Load}
 */
export declare function createLoad({ options, recipient, cache, tabs, download, inWorker, reported }: {
    options: {
        cache: CacheKind;
    };
    recipient: Recipient;
    cache: ImageCache;
    tabs: Tabs;
    download: ReturnType<typeof createDownload>;
    inWorker: InWorker;
    reported: Reported;
}): Load;
