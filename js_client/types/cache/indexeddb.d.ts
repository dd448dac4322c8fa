/** One IndexedDB database: a connection that is reopened if necessary, and transactions as promises. */
export type Transact = <Result>(stores: string[], mode: IDBTransactionMode, work: (...stores: IDBObjectStore[]) => Promise<Result>, durability?: IDBTransactionDurability) => Promise<Result>;
export declare const TOO_LONG = "it takes too long";
/**
 * Describe a database. The first transaction opens it. A strict transaction always tries to open it, even shortly after
 * a failure.
 *
 * @param {string} name
 * @param {number} version
 * @param {(connection: IDBDatabase) => void} createStores  creates the stores of a database that is new or of an older
 *   version
 * @returns {{transact: Transact, close: () => void}}  `close` closes the connection; each later transaction opens its
 *   own
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
