/** Three ways to break what is on the screen on purpose, and what became of it. */

import * as api from "./api.js";
import { counted, ms } from "./format.js";
import { recordOf, withRecord } from "./sizes.js";

/** @import { Gallery } from "./gallery.js" */
/** @import { Session, Tile } from "./tile.js" */

const MOST_BROKEN = 3;
const WINDOWS_BACK = 1000;

/** @typedef {(tiles: Tile[], entries: api.Entry[]) => Promise<void>} Fault  with a fresh record for each */

/** What each button does to the first pictures on the screen; all of them are asked for again, past the cache. */
const FAULTS = {
  /** @type {Fault} */
  async expire(tiles, entries) {
    await Promise.all(tiles.map((tile, place) => tile.show({ entry: withOldProof(entries[place]) })));
  },

  /** @type {Fault} */
  async truncate(tiles, entries) {
    await api.truncateNext(entries.map((entry) => recordOf(entry, "thumbnail").id));
    await Promise.all(tiles.map((tile, place) => tile.show({ entry: entries[place] })));
  },

  /** @type {Fault} */
  async restart(tiles, entries) {
    await api.restart();
    await Promise.all(tiles.map((tile, place) => tile.show({ entry: entries[place] })));
  },
};

/**
 * @param {"expire" | "truncate" | "restart"} fault
 * @param {Gallery} gallery
 * @param {Session} session
 * @returns {Promise<string>} what became of it
 */
export async function breakOnPurpose(fault, gallery, { client, records }) {
  const tiles = gallery.onScreen(MOST_BROKEN);
  if (tiles.length === 0) return "There is no picture on the screen to try this with.";
  const startedAt = performance.now();
  await Promise.all(tiles.map(({ id }) => client.deleteCachedImage(id)));
  await FAULTS[fault](tiles, await Promise.all(tiles.map(({ id }) => records.fresh(id))));
  const back = tiles.filter(({ trouble }) => !trouble).length;
  return `${back} of ${counted(tiles.length, "picture")} back after ${ms(performance.now() - startedAt)}.`;
}

/**
 * The entry with the thumbnail's proof moved back in time: bytes 5 to 10 of a proof are the number of its time window.
 *
 * @param {api.Entry} entry
 */
function withOldProof(entry) {
  const { statelessProof } = recordOf(entry, "thumbnail");
  const bytes = Uint8Array.from(atob(statelessProof), (character) => character.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  view.setUint32(7, view.getUint32(7) - WINDOWS_BACK);
  return withRecord(entry, "thumbnail", { statelessProof: btoa(String.fromCharCode(...bytes)) });
}
