/** Three ways to break what is on the screen on purpose, and what became of it. */

import { deleteCachedImage } from "/images/-/client/index.js";
import * as api from "./api.js";
import { counted, ms } from "./format.js";

/** @import { Gallery } from "./gallery.js" */
/** @import { Tile } from "./tile.js" */

const MOST_BROKEN = 3;
const WINDOWS_BACK = 1000;

/** What each button does to the first pictures on the screen; all of them are asked for again, past the cache. */
const FAULTS = {
  /** @param {Tile[]} tiles */
  async expire(tiles) {
    const { entries } = await api.records(tiles.map(({ id }) => id));
    const old = new Map(entries.map((entry) => [entry.record.id, withOldProof(entry)]));
    await Promise.all(tiles.map((tile) => tile.show(old.get(tile.id))));
  },

  /** @param {Tile[]} tiles */
  async truncate(tiles) {
    await api.truncateNext(tiles.map(({ id }) => id));
    await Promise.all(tiles.map((tile) => tile.show()));
  },

  /** @param {Tile[]} tiles */
  async restart(tiles) {
    await api.restart();
    await Promise.all(tiles.map((tile) => tile.show()));
  },
};

/**
 * @param {"expire" | "truncate" | "restart"} fault
 * @param {Gallery} gallery
 * @returns {Promise<string>} what became of it
 */
export async function breakOnPurpose(fault, gallery) {
  const tiles = gallery.onScreen(MOST_BROKEN);
  if (tiles.length === 0) return "There is no picture on the screen to try this with.";
  const startedAt = performance.now();
  await Promise.all(tiles.map(({ id }) => deleteCachedImage(id)));
  await FAULTS[fault](tiles);
  const back = tiles.filter(({ trouble }) => !trouble).length;
  return `${back} of ${counted(tiles.length, "picture")} back after ${ms(performance.now() - startedAt)}.`;
}

/**
 * The entry with its proof moved back in time: bytes 5 to 10 of a proof are the number of its time window.
 *
 * @param {api.Entry} entry
 */
function withOldProof(entry) {
  const bytes = Uint8Array.from(atob(entry.record.statelessProof), (character) => character.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  view.setUint32(7, view.getUint32(7) - WINDOWS_BACK);
  return { ...entry, record: { ...entry.record, statelessProof: btoa(String.fromCharCode(...bytes)) } };
}
