/** The client: from a record to a Blob, out of memory, out of the cache or over the network. */
import type { ImageRecord } from "./format/records.js";
import type { ImageResult } from "./images/get-images.js";
import type { ObjectUrl } from "./images/object-urls.js";
import type { Removed } from "./images/removal.js";
import type { ImageFetcher } from "./network/request.js";
import type { ImageOptions, PixstoreConfig } from "./options/options.js";
export type Stats = {
    images: number;
    bytes: number;
    memoryImages: number;
    memoryBytes: number;
    hits: number;
    downloads: number;
};
export type Client = {
    /**
     * The image of a record, out of the
     * cache if this version is there, else over the network. Rejects with ConfigError, RecordError, FetchError,
     * NotFoundError, RefusedError, ServerError, WireError or DecryptError, with what a fetcher or `refreshRecord` of your
     * own rejects with, or with the reason of an aborted `signal`.
     */
    getImage: (record: ImageRecord, options?: ImageOptions) => Promise<Blob>;
    /**
     * The images of many records, each as soon as it is ready; one that fails comes as an error and harms no
     * other. To leave the loop ends what is under way; an aborted `signal` ends both, and the loop throws its reason.
     */
    getImages: (records: Iterable<ImageRecord>, options?: ImageOptions) => AsyncGenerator<ImageResult, void, void>;
    /**
     * The image of a record as a
     * `blob:` URL, shared by all who show it and revoked when the last of them has released it. Rejects as getImage.
     */
    objectUrl: (record: ImageRecord, options?: ImageOptions) => Promise<ObjectUrl>;
    /**
     * The same at once, where the image is in memory.
     */
    peek: (record: ImageRecord) => ObjectUrl | undefined;
    /**
     * A fresh record of an image or of a
     * variant, from where the configuration says. Rejects with NotFoundError where there is none, with ConfigError where
     * the configuration says nothing, RecordError, FetchError, RefusedError, or what a function of your own throws.
     */
    getRecord: (id: string, context?: unknown) => Promise<ImageRecord>;
    /**
     * Be told when images must go from the page:
     * an image was deleted, everything cleared, or memory emptied, in whichever tab. Returns what ends it.
     */
    onRemoved: (listener: (removed: Removed) => void) => () => void;
    /**
     * Remove an image and its variants, or the one variant
     * that the id is of, from memory and cache, also in other tabs, and tell whether there was one of them. A download under
     * way is still delivered, and not kept. Rejects with CacheError where the storage fails, since images may still be
     * there.
     */
    deleteCachedImage: (id: string) => Promise<boolean>;
    /**
     * Remove every image of this namespace, as at sign-out, also in other tabs. What
     * is under way ends with an AbortError. Rejects with CacheError where the storage fails, since images may still be
     * there.
     */
    clear: () => Promise<void>;
    /**
     * Tell whether an image is kept, whichever version of it.
     */
    cachedImageExists: (id: string) => Promise<boolean>;
    /**
     * Count what is kept, and what this client has answered.
     */
    stats: () => Promise<Stats>;
    /**
     * End a client, as where another one replaces it: what is under way and what is asked for
     * from now on is rejected with an AbortError; images in memory, worker and connection go, cached images stay.
     */
    close: () => void;
};
/** @import { ImageCache } from "./cache/cache.js" */
/** @import { InWorker } from "./crypto/in-worker.js" */
/** @import { ImageRecord } from "./format/records.js" */
/** @import { ImageResult } from "./images/get-images.js" */
/** @import { ObjectUrl } from "./images/object-urls.js" */
/** @import { Removed } from "./images/removal.js" */
/** @import { Tabs } from "./images/tabs.js" */
/** @import { ImageFetcher } from "./network/request.js" */
/** @import { ImageOptions, PixstoreConfig } from "./options/options.js" */
/**
 * `hits` and `downloads` count what this client has answered; the rest is what is kept now, `images` and `bytes` in
 * IndexedDB.
 *
 * @typedef {{images: number, bytes: number, memoryImages: number, memoryBytes: number, hits: number, downloads: number}} Stats
 */
/**
 * @typedef {object} Client
 * @property {(record: ImageRecord, options?: ImageOptions) => Promise<Blob>} getImage  The image of a record, out of the
 *   cache if this version is there, else over the network. Rejects with ConfigError, RecordError, FetchError,
 *   NotFoundError, RefusedError, ServerError, WireError or DecryptError, with what a fetcher or `refreshRecord` of your
 *   own rejects with, or with the reason of an aborted `signal`.
 * @property {(records: Iterable<ImageRecord>, options?: ImageOptions) => AsyncGenerator<ImageResult, void, void>}
 *   getImages  The images of many records, each as soon as it is ready; one that fails comes as an error and harms no
 *   other. To leave the loop ends what is under way; an aborted `signal` ends both, and the loop throws its reason.
 * @property {(record: ImageRecord, options?: ImageOptions) => Promise<ObjectUrl>} objectUrl  The image of a record as a
 *   `blob:` URL, shared by all who show it and revoked when the last of them has released it. Rejects as getImage.
 * @property {(record: ImageRecord) => ObjectUrl | undefined} peek  The same at once, where the image is in memory.
 * @property {(id: string, context?: unknown) => Promise<ImageRecord>} getRecord  A fresh record of an image or of a
 *   variant, from where the configuration says. Rejects with NotFoundError where there is none, with ConfigError where
 *   the configuration says nothing, RecordError, FetchError, RefusedError, or what a function of your own throws.
 * @property {(listener: (removed: Removed) => void) => () => void} onRemoved  Be told when images must go from the page:
 *   an image was deleted, everything cleared, or memory emptied, in whichever tab. Returns what ends it.
 * @property {(id: string) => Promise<boolean>} deleteCachedImage  Remove an image and its variants, or the one variant
 *   that the id is of, from memory and cache, also in other tabs, and tell whether there was one of them. A download under
 *   way is still delivered, and not kept. Rejects with CacheError where the storage fails, since images may still be
 *   there.
 * @property {() => Promise<void>} clear  Remove every image of this namespace, as at sign-out, also in other tabs. What
 *   is under way ends with an AbortError. Rejects with CacheError where the storage fails, since images may still be
 *   there.
 * @property {(id: string) => Promise<boolean>} cachedImageExists  Tell whether an image is kept, whichever version of it.
 * @property {() => Promise<Stats>} stats  Count what is kept, and what this client has answered.
 * @property {() => void} close  End a client, as where another one replaces it: what is under way and what is asked for
 *   from now on is rejected with an AbortError; images in memory, worker and connection go, cached images stay.
 */
/**
 * Make a client with a state of its own. In a page it opens its storage meanwhile, elsewhere it does nothing before its
 * first call.
 *
 * @param {PixstoreConfig} [config]
 * @param {ImageFetcher} [fetcher]  instead of requests to `config.endpoint`
 * @returns {Readonly<Client>}
 * @throws {ConfigError} for an unknown option or an unusable value
 */
export declare function createClient(config?: PixstoreConfig, fetcher?: ImageFetcher): Readonly<Client>;
