/**
 * The object stores of the image cache:
 *
 *     entries   {namespace, id, token, kind, size, lastUsed}, by namespace and id
 *     bytes     {token, kind, size, image}, a Uint8Array, or Blob for a large image, by [namespace, id];
 *               a key pair by [namespace], see stored/pair.js
 *     deleted   the latest removals, see removals.js
 *     changed   a random number that every change replaces
 *
 * Bytes have a store of their own, so that a hit rewrites a small entry and eviction reads no image. They repeat token
 * and kind, so that a hit reads no entry.
 */
import type { Entry, Stored } from "./cache.js";
export type ImageName = {
    namespace: string;
    id: string;
};
export type Stores = ReturnType<typeof createStores>;
/**
 * Make the stores. Their first use opens the database. Every promise rejects with CacheError if the storage fails.
 *
 * @param {string} databaseName
 */
export declare function createStores(databaseName: string): {
    forget: () => void;
    close: () => void;
    /**
     * Read all entries.
     *
     * @param {IDBObjectStore} entries
     */
    list: (entries: IDBObjectStore) => Promise<Entry[]>;
    /**
     * Return an entry as far as this page knows: null if there is none, undefined if there may be one.
     *
     * @param {ImageName} name
     */
    known: (name: ImageName) => Entry | null | undefined;
    /**
     * Return all entries by `nameOf`; read them if they are unknown. Within `change` they are current, except
     * `lastUsed`.
     *
     * @param {IDBObjectStore} entries
     */
    learn: (entries: IDBObjectStore) => Promise<Map<string, Entry>>;
    latestRemoval: () => Promise<number>;
    /**
     * @template Result
     * @param {(entries: IDBObjectStore) => Promise<Result>} work
     */
    read: <Result>(work: (entries: IDBObjectStore) => Promise<Result>) => Promise<Result>;
    /**
     * @template Result
     * @param {(bytes: IDBObjectStore) => Promise<Result>} work
     */
    readBytes: <Result>(work: (bytes: IDBObjectStore) => Promise<Result>) => Promise<Result>;
    /**
     * @template Result
     * @param {(entries: IDBObjectStore) => Promise<Result>} work
     */
    mark: <Result>(work: (entries: IDBObjectStore) => Promise<Result>) => Promise<Result>;
    /**
     * @param {(entries: IDBObjectStore, bytes: IDBObjectStore, deleted: IDBObjectStore) => Promise<any>} work
     * @param {IDBTransactionDurability} [durability]
     */
    change: (work: (entries: IDBObjectStore, bytes: IDBObjectStore, deleted: IDBObjectStore) => Promise<any>, durability?: IDBTransactionDurability) => Promise<any>;
    /**
     * @param {IDBObjectStore} entries
     * @param {IDBObjectStore} bytes
     * @param {Entry} entry
     * @param {Stored} image
     */
    put(entries: IDBObjectStore, bytes: IDBObjectStore, entry: Entry, image: Stored): void;
    /**
     * @param {IDBObjectStore} entries
     * @param {IDBObjectStore} bytes
     * @param {ImageName} name
     */
    remove(entries: IDBObjectStore, bytes: IDBObjectStore, name: ImageName): void;
};
/**
 * @param {ImageName} name
 * @returns {[namespace: string, id: string]}
 */
export declare const keyOf: ({ namespace, id }: ImageName) => [namespace: string, id: string];
/** @param {ImageName} name */
export declare const nameOf: ({ namespace, id }: ImageName) => string;
