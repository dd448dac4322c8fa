/**
 * The latest removals, so that a download under way in any tab does not store a removed image again. They are one value
 * of the database, [number, namespace, id][] in the order of their transactions, without an id if the namespace was
 * cleared.
 *
 * A download notes the number of the latest removal before it begins. Numbers are random, because the clocks of two
 * tabs differ and a number of a deleted database must not be found in a new one.
 */

import { isOf } from "../format/ids.js";
import { done } from "./indexeddb.js";

/** An image is not kept if more removals than this happen during its download. */
const MOST = 100;

/** @typedef {[number: number, namespace?: string, id?: string]} Removal */

/**
 * @param {IDBObjectStore} deleted
 * @returns {Promise<Removal[]>}
 */
const list = (deleted) => done(deleted.get(0));

/**
 * Note a removal. A clear drops the ids of earlier removals in its namespace.
 *
 * @param {IDBObjectStore} deleted
 * @param {string} namespace
 * @param {string} [id]  of the image, which is removed with its variants
 */
export async function noteRemoval(deleted, namespace, id) {
  const before = (await list(deleted)).map((removal) => (id || removal[1] !== namespace ? removal : [removal[0]]));
  deleted.put([...before, [Math.random(), namespace, id]].slice(-MOST), 0);
}

/** @param {IDBObjectStore} deleted */
export const latestRemoval = async (deleted) => /** @type {Removal} */ ((await list(deleted)).at(-1))[0];

/**
 * @param {IDBObjectStore} deleted
 * @param {string} namespace
 * @returns {Promise<(id: string, since: number) => boolean>}  whether an image was, or may have been, removed after the
 *   removal `since`
 */
export async function removedSince(deleted, namespace) {
  const removals = await list(deleted);
  return (id, since) => {
    const at = removals.findIndex(([number]) => number === since);
    return at < 0 || removals.slice(at + 1).some(([, space, name]) => space === namespace && isOf(id, name));
  };
}
