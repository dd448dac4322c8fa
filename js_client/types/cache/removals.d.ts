/**
 * The latest removals, so that a download under way in any tab does not store a removed image again. They are one value
 * of the database, [number, namespace, id][] in the order of their transactions, without an id if the namespace was
 * cleared.
 *
 * A download notes the number of the latest removal before it begins. Numbers are random, because the clocks of two
 * tabs differ and a number of a deleted database must not be found in a new one.
 */
export type Removal = [number: number, namespace?: string, id?: string];
/** @typedef {[number: number, namespace?: string, id?: string]} Removal */
/** @returns {Removal[]}  the value in a new database */
export declare const newRemovals: () => Removal[];
/**
 * Note a removal. A clear drops the ids of earlier removals in its namespace.
 *
 * @param {IDBObjectStore} deleted
 * @param {string} namespace
 * @param {string} [id]  of the image, which is removed with its variants
 */
export declare function noteRemoval(deleted: IDBObjectStore, namespace: string, id?: string): Promise<void>;
/** @param {IDBObjectStore} deleted */
export declare const latestRemoval: (deleted: IDBObjectStore) => Promise<number>;
/**
 * @param {IDBObjectStore} deleted
 * @param {string} namespace
 * @returns {Promise<(id: string, since: number) => boolean>}  whether an image was, or may have been, removed after the
 *   removal `since`
 */
export declare function removedSince(deleted: IDBObjectStore, namespace: string): Promise<(id: string, since: number) => boolean>;
