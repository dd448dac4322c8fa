/** A client: turns a record into a Blob, from memory, from the cache or over the network. */
import { createDownload } from "./images/download.js";
import { createTabs } from "./images/tabs.js";
import type { Recipient } from "./crypto/recipient.js";
import type { ImageRecord } from "./format/records.js";
import type { ImageResult } from "./images/get-image.js";
import type { ObjectUrl } from "./images/object-urls.js";
import type { Removed } from "./images/removal.js";
import type { ImageFetcher } from "./network/fetch.js";
import type { ImageOptions, Options, PixstoreConfig, RefreshRecord } from "./options/options.js";
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
     * Get the image of a record: from
     * the cache if this version is there, otherwise over the network. Rejects with ConfigError, RecordError, FetchError,
     * NotFoundError, RefusedError, ServerError, WireError or DecryptError, with the error of a custom fetcher or
     * `refreshRecord`, or with the reason of an aborted `signal`.
     */
    getImage: (record: ImageRecord, options?: ImageOptions) => Promise<Blob>;
    /**
     * Get the images of many records, each as soon as it is ready. An image that fails is yielded as an error
     * and does not stop the others. Leaving the loop aborts the remaining images. If `signal` is aborted, the loop throws
     * its reason.
     */
    getImages: (records: Iterable<ImageRecord>, options?: ImageOptions) => AsyncGenerator<ImageResult, void, void>;
    /**
     * Get the image of a record
     * as a `blob:` URL. All holders share the URL; it is revoked when the last of them has released it. Rejects as
     * getImage.
     */
    objectUrl: (record: ImageRecord, options?: ImageOptions) => Promise<ObjectUrl>;
    /**
     * Return the `blob:` URL of an image that is in
     * memory, otherwise undefined.
     */
    peek: (record: ImageRecord) => ObjectUrl | undefined;
    /**
     * Fetch a fresh record of an image or a
     * variant from the source that the configuration names. Rejects with NotFoundError if there is no such image, with
     * ConfigError if no source is configured, with RecordError, FetchError, RefusedError, or the error of your own
     * function.
     */
    getRecord: (id: string, context?: unknown) => Promise<ImageRecord>;
    /**
     * Return the headers of your own request for records.
     * The server then seals the records to this client, or with `keyPair: "stored"` to all clients of its namespace in this
     * browser: no other client can open them. Without WebCrypto there are none.
     */
    recipientHeaders: () => Promise<Record<string, string>>;
    /**
     * Call the listener when images must
     * disappear from the page: an image was deleted, everything was cleared, or memory was emptied, in any tab. Returns a
     * function that removes the listener.
     */
    onRemoved: (listener: (removed: Removed) => void) => () => void;
    /**
     * Remove an image and its variants, or one variant,
     * from memory and cache, in all tabs. Resolves to whether there was any. A download under way is still delivered, but
     * not kept. Rejects with CacheError if the storage fails, because the image may still be stored.
     */
    deleteCachedImage: (id: string) => Promise<boolean>;
    /**
     * Remove every image of this namespace, in all tabs, as at sign-out. Loads under
     * way reject with an AbortError. Rejects with CacheError if the storage fails, because images may still be stored.
     */
    clear: () => Promise<void>;
    /**
     * Resolve to whether any version of an image is cached.
     */
    cachedImageExists: (id: string) => Promise<boolean>;
    /**
     * Count the cached images and the answers of this client.
     */
    stats: () => Promise<Stats>;
    /**
     * Close the client. Loads under way and later calls reject with an AbortError. Memory,
     * worker and connection are released; cached images stay.
     */
    close: () => void;
};
/** @import { Pair, Recipient } from "./crypto/recipient.js" */
/** @import { ImageRecord } from "./format/records.js" */
/** @import { ImageResult } from "./images/get-image.js" */
/** @import { ObjectUrl } from "./images/object-urls.js" */
/** @import { Removed } from "./images/removal.js" */
/** @import { ImageFetcher } from "./network/fetch.js" */
/** @import { ImageOptions, Options, PixstoreConfig, RefreshRecord } from "./options/options.js" */
/**
 * `images` and `bytes` are in IndexedDB now, `memoryImages` and `memoryBytes` in memory. `hits` and `downloads` count
 * the answers of this client.
 *
 * @typedef {{images: number, bytes: number, memoryImages: number, memoryBytes: number, hits: number, downloads: number}} Stats
 */
/**
 * @typedef {object} Client
 * @property {(record: ImageRecord, options?: ImageOptions) => Promise<Blob>} getImage  Get the image of a record: from
 *   the cache if this version is there, otherwise over the network. Rejects with ConfigError, RecordError, FetchError,
 *   NotFoundError, RefusedError, ServerError, WireError or DecryptError, with the error of a custom fetcher or
 *   `refreshRecord`, or with the reason of an aborted `signal`.
 * @property {(records: Iterable<ImageRecord>, options?: ImageOptions) => AsyncGenerator<ImageResult, void, void>}
 *   getImages  Get the images of many records, each as soon as it is ready. An image that fails is yielded as an error
 *   and does not stop the others. Leaving the loop aborts the remaining images. If `signal` is aborted, the loop throws
 *   its reason.
 * @property {(record: ImageRecord, options?: ImageOptions) => Promise<ObjectUrl>} objectUrl  Get the image of a record
 *   as a `blob:` URL. All holders share the URL; it is revoked when the last of them has released it. Rejects as
 *   getImage.
 * @property {(record: ImageRecord) => ObjectUrl | undefined} peek  Return the `blob:` URL of an image that is in
 *   memory, otherwise undefined.
 * @property {(id: string, context?: unknown) => Promise<ImageRecord>} getRecord  Fetch a fresh record of an image or a
 *   variant from the source that the configuration names. Rejects with NotFoundError if there is no such image, with
 *   ConfigError if no source is configured, with RecordError, FetchError, RefusedError, or the error of your own
 *   function.
 * @property {() => Promise<Record<string, string>>} recipientHeaders  Return the headers of your own request for records.
 *   The server then seals the records to this client, or with `keyPair: "stored"` to all clients of its namespace in this
 *   browser: no other client can open them. Without WebCrypto there are none.
 * @property {(listener: (removed: Removed) => void) => () => void} onRemoved  Call the listener when images must
 *   disappear from the page: an image was deleted, everything was cleared, or memory was emptied, in any tab. Returns a
 *   function that removes the listener.
 * @property {(id: string) => Promise<boolean>} deleteCachedImage  Remove an image and its variants, or one variant,
 *   from memory and cache, in all tabs. Resolves to whether there was any. A download under way is still delivered, but
 *   not kept. Rejects with CacheError if the storage fails, because the image may still be stored.
 * @property {() => Promise<void>} clear  Remove every image of this namespace, in all tabs, as at sign-out. Loads under
 *   way reject with an AbortError. Rejects with CacheError if the storage fails, because images may still be stored.
 * @property {(id: string) => Promise<boolean>} cachedImageExists  Resolve to whether any version of an image is cached.
 * @property {() => Promise<Stats>} stats  Count the cached images and the answers of this client.
 * @property {() => void} close  Close the client. Loads under way and later calls reject with an AbortError. Memory,
 *   worker and connection are released; cached images stay.
 */
/**
 * Make a client with its own cache connection, memory and counters. In a page it opens the storage in advance;
 * elsewhere it does nothing before its first call.
 *
 * @param {PixstoreConfig} [config]
 * @param {ImageFetcher} [fetcher]  replaces requests to `config.endpoint`
 * @returns {Readonly<Client>}
 * @throws {ConfigError} for an unknown option or an unusable value
 */
export declare function createClient(config?: PixstoreConfig, fetcher?: ImageFetcher): Readonly<Client>;
/**
 * Join the parts of a client.
 *
 * @param {Readonly<Options>} options
 * @param {Recipient} recipient
 * @param {RefreshRecord | undefined} refreshRecord
 * @param {ReturnType<typeof createDownload>} download
 * @param {typeof createTabs} [tabsOf]
 * @returns {Readonly<Client>}
 */
export declare function joined(options: Readonly<Options>, recipient: Recipient, refreshRecord: RefreshRecord | undefined, download: ReturnType<typeof createDownload>, tabsOf?: typeof createTabs): Readonly<Client>;
