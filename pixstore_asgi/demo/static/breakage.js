/** Three ways to break what is on the screen on purpose, and what became of it. */

import * as api from "./api.js";
import { counted, ms } from "./format.js";
import { thumbnailOf } from "./sizes.js";

/** @import { ImageRecord } from "/images/-/client/index.js" */
/** @import { Entry } from "./api.js" */
/** @import { Gallery } from "./gallery.js" */
/** @import { Session, Tile } from "./tile.js" */

const MOST_BROKEN = 3;
const WINDOWS_BACK = 1000;

/** What each button does about the first pictures on the screen, before they are asked for again, past the cache. */
const FAULTS = {
  /** @param {Entry[]} entries */
  async expire(entries) {
    for (const entry of entries) entry.record = withOldProof(entry.record);
  },

  /**
   * @param {Entry[]} entries
   * @param {Tile[]} tiles
   */
  truncate: (entries, tiles) =>
    api.truncateNext(tiles.map(({ shown }, place) => (shown ?? thumbnailOf(entries[place])).id)),

  restart: () => api.restart(),
};

/**
 * @param {"expire" | "truncate" | "restart"} fault
 * @param {Gallery} gallery
 * @param {Session} session
 * @returns {Promise<string>} what became of it
 */
export async function breakOnPurpose(fault, gallery, { client, records }) {
  const tiles = gallery.onScreen(MOST_BROKEN);
  if (tiles.length === 0) return "No picture is visible to try this with.";
  const startedAt = performance.now();
  const entries = await Promise.all(tiles.map(({ id }) => records.fresh(id)));
  await FAULTS[fault](entries, tiles);
  await Promise.all(tiles.map((tile) => tile.empty()));
  // A storage that fails is told of in the panel.
  await Promise.allSettled(tiles.map(({ id }) => client.deleteCachedImage(id)));
  await Promise.all(tiles.map((tile, place) => tile.show(entries[place])));
  const back = tiles.filter(({ trouble }) => !trouble).length;
  return `${back} of ${counted(tiles.length, "picture")} recovered after ${ms(performance.now() - startedAt)}.`;
}

/**
 * The record with all its proofs moved back in time: bytes 5 to 10 of a proof are the number of its time window.
 *
 * @param {ImageRecord} record
 * @returns {ImageRecord}
 */
function withOldProof({ statelessProof, variants = {}, ...record }) {
  const bytes = Uint8Array.from(atob(statelessProof), (character) => character.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  view.setUint32(7, view.getUint32(7) - WINDOWS_BACK);
  return {
    ...record,
    statelessProof: btoa(String.fromCharCode(...bytes)),
    variants: Object.fromEntries(Object.entries(variants).map(([name, variant]) => [name, withOldProof(variant)])),
  };
}
