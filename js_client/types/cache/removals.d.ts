/**
 * The latest removals, so that a download under way in any tab does not bring a removed image back: one value of the
 * database, [number, namespace, id][] in the order of their transactions, without an id if the namespace was cleared.
 *
 * A download notes the number of the latest removal before it begins. Numbers are random: the clocks of two tabs
 * differ, and a number of a deleted database is not found in a new one.
 */
export type Removal = [number: number, namespace?: string, id?: string];
/** @typedef {[number: number, namespace?: string, id?: string]} Removal */
/** @returns {Removal[]}  of a new database */
export declare const newRemovals: () => Removal[];
/**
 * Note a removal. After a clear the ids that were removed before are not there any longer.
 *
 * @param {IDBObjectStore} deleted
 * @param {string} namespace
 * @param {string} [id]  of the image, for its variants, too
 */
export declare function noteRemoval(deleted: IDBObjectStore, namespace: string, id?: string): Promise<void>;
/** @param {IDBObjectStore} deleted */
export declare const latestRemoval: (deleted: IDBObjectStore) => Promise<number>;
/**
 * @param {IDBObjectStore} deleted
 * @param {string} namespace
 * @returns {Promise<(id: string, since: number) => boolean>}  tells whether an image was removed after the removal
 *   `since`, or may have been
 */
export declare function removedSince(deleted: IDBObjectStore, namespace: string): Promise<(id: string, since: number) => boolean>;
