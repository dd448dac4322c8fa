/**
 * What was deleted, by whichever tab, so that a download under way does not bring it back:
 * keys [time, namespace, id], for the variants of the image too, or [time, namespace] where all images of a namespace
 * were deleted.
 */

import { risingTime } from "../clock.js";
import { isOf } from "../format/ids.js";
import { done } from "./indexeddb.js";

/** A download that takes longer may bring a deleted image back. */
const LIFE_MS = 600_000;

/**
 * Put up a tombstone, and clear old ones away.
 *
 * @param {IDBObjectStore} tombstones
 * @param {(number | string)[]} key
 */
export function bury(tombstones, key) {
  tombstones.delete(IDBKeyRange.upperBound([risingTime() - LIFE_MS]));
  tombstones.put(1, key);
}

/**
 * Look up what was deleted while these images were under way.
 *
 * @param {IDBObjectStore} tombstones
 * @param {string} namespace
 * @param {{since: number}[]} images
 * @returns {Promise<(id: string, since: number) => boolean>} tells whether an image was deleted at or after `since`
 */
export async function buried(tombstones, namespace, images) {
  const earliest = Math.min(...images.map(({ since }) => since));
  // No further: a clock that was ahead has left tombstones in the future.
  const range = IDBKeyRange.bound([earliest], [risingTime() + LIFE_MS]);
  const keys = /** @type {any[][]} */ (await done(tombstones.getAllKeys(range)));
  return (id, since) => keys.some(([at, space, name]) => at >= since && space === namespace && isOf(id, name));
}
