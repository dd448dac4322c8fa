/** One IndexedDB database: a connection that reopens itself, and transactions that are promises. */
export type Transact = <Result>(stores: string[], mode: IDBTransactionMode, work: (...stores: IDBObjectStore[]) => Promise<Result>, durability?: IDBTransactionDurability) => Promise<Result>;
/**
 * Describe a database; it is opened by the first transaction.
 *
 * @param {string} name
 * @param {number} version
 * @param {(connection: IDBDatabase) => void} createStores  lays out a database that is new, or of an older version
 * @returns {Transact}
 */
export declare function createDatabase(name: string, version: number, createStores: (connection: IDBDatabase) => void): Transact;
/**
 * A request's result as a promise.
 *
 * @template Result
 * @param {IDBRequest<Result>} request
 * @returns {Promise<Result>}
 */
export declare function done<Result>(request: IDBRequest<Result>): Promise<Result>;
