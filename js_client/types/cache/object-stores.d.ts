/**
 * The object stores of the image cache:
 *
 *     entries   {namespace, id, token, kind, size, lastUsed}, by namespace and id
 *     bytes     {token, kind, size, image}, a Uint8Array, or Blob for a large image, by [namespace, id]
 *     deleted   the latest removals, see there
 *     changed   a random number, another one after each change
 *
 * Bytes have a store of their own, so that a hit rewrites a small entry and eviction reads no image; and they tell what
 * they are, so that a hit reads nothing else.
 */
import type { Entry, Stored } from "./cache.js";
export type ImageName = {
    namespace: string;
    id: string;
};
export type Stores = ReturnType<typeof createStores>;
/**
 * Make the stores; the database is opened by their first use. Every promise rejects with CacheError where the storage
 * fails.
 *
 * @param {string} databaseName
 */
export declare function createStores(databaseName: string): {
    forget: () => void;
    close: () => void;
    /**
     * All entries, as they are stored.
     *
     * @param {IDBObjectStore} entries
     */
    list: (entries: IDBObjectStore) => Promise<Entry[]>;
    /**
     * An entry as far as this page knows: null where there is none, undefined where there may be one.
     *
     * @param {ImageName} name
     */
    known: (name: ImageName) => Entry | null | undefined;
    /**
     * The same by `nameOf`, as this page knows them: within `change` all of them, `lastUsed` may be older.
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
