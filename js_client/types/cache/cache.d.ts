/** The image cache: one version per namespace and image id, the least recently used images evicted first. */
import type { CacheKind } from "../options/options.js";
export type Entry = {
    namespace: string;
    id: string;
    token: number;
    /**
     * what the bytes are, "encrypted" or "decrypted": a page may change its mind
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
     * the bytes of exactly this version; the
     * calls of one tick are answered together
     */
    read: (id: string, token: number) => Promise<Stored | undefined>;
    /**
     * the number of the latest removal that this page knows of; never
     * rejects
     */
    latestRemoval: () => Promise<number>;
    /**
     * keep a version,
     * unless a newer one is there, it is above half of what the cache holds after an eviction, or the image was removed
     * after the removal `since`, which `latestRemoval` gave before the download began
     */
    write: (id: string, token: number, bytes: Uint8Array<ArrayBuffer>, since: number) => Promise<void>;
    /**
     * note that the image was used just now
     */
    touch: (id: string) => void;
    /**
     * remove this version if it is still the cached one
     */
    drop: (id: string, token: number) => Promise<void>;
    /**
     * remove the image and its variants; tells whether there was one
     */
    remove: (id: string) => Promise<boolean>;
    /**
     * remove every image of the namespace
     */
    clear: () => Promise<void>;
    /**
     * tell whether a version that `read` could return is cached
     */
    has: (id: string) => Promise<boolean>;
    /**
     * of the namespace
     */
    stats: () => Promise<{
        images: number;
        bytes: number;
    }>;
    /**
     * another tab has changed what is stored
     */
    forget: () => void;
    /**
     * open the database; resolves to the size of the largest image there, in bytes
     */
    warmUp: () => Promise<number>;
    /**
     * end the connection to the storage
     */
    close: () => void;
};
/** @import { CacheKind } from "../options/options.js" */
/**
 * What is known of one cached image.
 *
 * @typedef {object} Entry
 * @property {string} namespace
 * @property {string} id
 * @property {number} token
 * @property {string} kind  what the bytes are, "encrypted" or "decrypted": a page may change its mind
 * @property {number} size  in bytes
 * @property {number} lastUsed  epoch milliseconds
 */
/** @typedef {Uint8Array<ArrayBuffer> | Blob} Stored */
/**
 * Every promise rejects with CacheError where the storage fails.
 *
 * @typedef {object} ImageCache
 * @property {(id: string, token: number) => Promise<Stored | undefined>} read  the bytes of exactly this version; the
 *   calls of one tick are answered together
 * @property {() => Promise<number>} latestRemoval  the number of the latest removal that this page knows of; never
 *   rejects
 * @property {(id: string, token: number, bytes: Uint8Array<ArrayBuffer>, since: number) => Promise<void>} write  keep a version,
 *   unless a newer one is there, it is above half of what the cache holds after an eviction, or the image was removed
 *   after the removal `since`, which `latestRemoval` gave before the download began
 * @property {(id: string) => void} touch  note that the image was used just now
 * @property {(id: string, token: number) => Promise<void>} drop  remove this version if it is still the cached one
 * @property {(id: string) => Promise<boolean>} remove  remove the image and its variants; tells whether there was one
 * @property {() => Promise<void>} clear  remove every image of the namespace
 * @property {(id: string) => Promise<boolean>} has  tell whether a version that `read` could return is cached
 * @property {() => Promise<{images: number, bytes: number}>} stats  of the namespace
 * @property {() => void} forget  another tab has changed what is stored
 * @property {() => Promise<number>} warmUp  open the database; resolves to the size of the largest image there, in bytes
 * @property {() => void} close  end the connection to the storage
 */
/**
 * Make a cache; the database is opened by its first use.
 *
 * @param {object} options
 * @param {string} options.databaseName
 * @param {string} options.namespace  keeps the images of one user apart from those of others
 * @param {CacheKind} options.cache  what is kept
 * @param {number} options.cacheLimit  most images kept, of all namespaces together
 * @param {number} options.cacheBytes  most bytes kept, of all namespaces together
 * @param {number} options.cleanupBatch  images evicted beyond the excess; of the bytes, the same share
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
