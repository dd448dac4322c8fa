/** One IndexedDB database: a connection that reopens itself, and transactions that are promises. */
export type Transact = <Result>(stores: string[], mode: IDBTransactionMode, work: (...stores: IDBObjectStore[]) => Promise<Result>, durability?: IDBTransactionDurability) => Promise<Result>;
export declare const TOO_LONG = "it takes too long";
/**
 * Describe a database; it is opened by the first transaction. What must be strict is never refused for what went wrong
 * before.
 *
 * @param {string} name
 * @param {number} version
 * @param {(connection: IDBDatabase) => void} createStores  lays out a database that is new, or of an older version
 * @returns {{transact: Transact, close: () => void}}  `close` ends the connection; later transactions have one each
 */
export declare function createDatabase(name: string, version: number, createStores: (connection: IDBDatabase) => void): {
    transact: Transact;
    close: () => void;
};
/**
 * A request's result as a promise.
 *
 * @template Result
 * @param {IDBRequest<Result>} request
 * @returns {Promise<Result>}
 */
export declare function done<Result>(request: IDBRequest<Result>): Promise<Result>;
