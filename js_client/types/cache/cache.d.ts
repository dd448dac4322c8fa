/** The image cache: one version per namespace and image id. The least recently used images are evicted first. */
import type { CacheKind } from "../options/options.js";
export type Entry = {
    namespace: string;
    id: string;
    token: number;
    /**
     * "encrypted" or "decrypted"; a page may change its `cache` option
     */
    kind: string;
    /**
     * in bytes
     */
    size: number;
    /**
     * epoch milliseconds
     */
    lastUsed: number;
};
export type Stored = Uint8Array<ArrayBuffer> | Blob;
export type ImageCache = {
    /**
     * resolves to the bytes of exactly this
     * version; the calls of one tick are answered together
     */
    read: (id: string, token: number) => Promise<Stored | undefined>;
    /**
     * resolves to the number of the latest removal that this page knows;
     * never rejects
     */
    latestRemoval: () => Promise<number> | number;
    /**
     * keeps a version, and `kept` in its entry. Keeps nothing if a newer version is cached, if the image is above
     * half of the cache after an eviction, or if the image was removed after the removal `since`, the number of the latest
     * removal before the download began
     */
    write: (id: string, token: number, bytes: Uint8Array<ArrayBuffer>, since: number, kept?: object) => Promise<void>;
    /**
     * notes that the image was used just now
     */
    touch: (id: string, kept?: object) => void;
    /**
     * removes this version if it is still the cached one
     */
    drop: (id: string, token: number) => Promise<void>;
    /**
     * removes the image and its variants; resolves to whether there
     * was any
     */
    remove: (id: string) => Promise<boolean | undefined>;
    /**
     * removes every image of the namespace
     */
    clear: () => Promise<void>;
    /**
     * resolves to whether a version that `read` could return is cached
     */
    has: (id: string) => Promise<boolean | undefined>;
    /**
     * resolves to the images and bytes of the namespace
     */
    stats: () => Promise<{
        images: number;
        bytes: number;
    } | undefined>;
    /**
     * discards the known metadata, because another tab may have changed it
     */
    forget: () => void;
    /**
     * opens the database; resolves to the size of its largest image in bytes
     */
    warmUp: () => Promise<number | undefined>;
    /**
     * closes the connection to the storage
     */
    close: () => void;
};
/** @import { CacheKind } from "../options/options.js" */
/**
 * The metadata of one cached image.
 *
 * @typedef {object} Entry
 * @property {string} namespace
 * @property {string} id
 * @property {number} token
 * @property {string} kind  "encrypted" or "decrypted"; a page may change its `cache` option
 * @property {number} size  in bytes
 * @property {number} lastUsed  epoch milliseconds
 */
/** @typedef {Uint8Array<ArrayBuffer> | Blob} Stored */
/**
 * Every promise rejects with CacheError if the storage fails. Without a storage it resolves to undefined.
 *
 * @typedef {object} ImageCache
 * @property {(id: string, token: number) => Promise<Stored | undefined>} read  resolves to the bytes of exactly this
 *   version; the calls of one tick are answered together
 * @property {() => Promise<number> | number} latestRemoval  resolves to the number of the latest removal that this page knows;
 *   never rejects
 * @property {(id: string, token: number, bytes: Uint8Array<ArrayBuffer>, since: number, kept?: object) => Promise<void>}
 *   write  keeps a version, and `kept` in its entry. Keeps nothing if a newer version is cached, if the image is above
 *   half of the cache after an eviction, or if the image was removed after the removal `since`, the number of the latest
 *   removal before the download began
 * @property {(id: string, kept?: object) => void} touch  notes that the image was used just now
 * @property {(id: string, token: number) => Promise<void>} drop  removes this version if it is still the cached one
 * @property {(id: string) => Promise<boolean | undefined>} remove  removes the image and its variants; resolves to whether there
 *   was any
 * @property {() => Promise<void>} clear  removes every image of the namespace
 * @property {(id: string) => Promise<boolean | undefined>} has  resolves to whether a version that `read` could return is cached
 * @property {() => Promise<{images: number, bytes: number} | undefined>} stats  resolves to the images and bytes of the namespace
 * @property {() => void} forget  discards the known metadata, because another tab may have changed it
 * @property {() => Promise<number | undefined>} warmUp  opens the database; resolves to the size of its largest image in bytes
 * @property {() => void} close  closes the connection to the storage
 */
/**
 * @param {object} options
 * @param {string} options.databaseName
 * @param {string} options.namespace  separates the images of users
 * @param {CacheKind} options.cache  only "encrypted" and "decrypted" use the storage
 * @param {number} options.cacheLimit  most images of all namespaces together
 * @param {number} options.cacheBytes  most bytes of all namespaces together
 * @param {number} options.cleanupBatch  images evicted beyond the excess; the same share of the bytes is evicted
 * @returns {ImageCache}
 */
export declare function createCache({ databaseName, namespace, cache: kind, ...limits }: {
    databaseName: string;
    namespace: string;
    cache: CacheKind;
    cacheLimit: number;
    cacheBytes: number;
    cleanupBatch: number;
}): ImageCache;
