/**
 * The object stores of the image cache:
 *
 *     entries   {namespace, id, token, kind, size, lastUsed}, by namespace and id
 *     bytes     Uint8Array, or Blob for a large image, by [namespace, id]
 *     deleted   tombstones, see there
 *
 * Bytes have a store of their own, so that a hit rewrites a small entry and eviction reads no image.
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
    load: (entries: IDBObjectStore) => Promise<Map<string, Entry>>;
    /** @param {ImageName} name */
    known: (name: ImageName) => {
        entry: Entry | undefined;
    } | undefined;
    /**
     * What the database holds, loaded anew where another tab has changed it without a word, evicting or storing in
     * another namespace: the count tells.
     *
     * @param {IDBObjectStore} entries
     */
    learn(entries: IDBObjectStore): Promise<Map<string, Entry>>;
    /**
     * @template Result
     * @param {(entries: IDBObjectStore, bytes: IDBObjectStore) => Promise<Result>} work
     */
    read: <Result>(work: (entries: IDBObjectStore, bytes: IDBObjectStore) => Promise<Result>) => Promise<Result>;
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
/** @param {ImageName} name */
export declare const keyOf: ({ namespace, id }: ImageName) => string[];
/**
 * @param {IDBObjectStore} entries
 * @param {ImageName[]} names
 * @returns {Promise<any[]>} an Entry, or undefined, for each
 */
export declare const entriesOf: (entries: IDBObjectStore, names: ImageName[]) => Promise<any[]>;
