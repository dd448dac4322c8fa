/** Whether pictures are there while somebody could see them. */

/**
 * Start to look, once a frame, at the tiles on the screen. `stop` tells how many there were, in which share of all looks a
 * tile had its picture, how many ms a tile was without it in the mean, and how many tiles went by without one; nothing where
 * there are no tiles.
 */
export function watchTiles(isShown) {
  let [looks, shown] = [0, 0];
  /** By tile: from when to when it was on the screen without its picture, and whether that came. */
  const seen = new Map();
  return {
    look(tiles, now) {
      for (const tile of tiles) {
        const what = seen.get(tile) ?? { from: now, to: now, isShown: false };
        seen.set(tile, what);
        if (!what.isShown) what.to = now;
        looks += 1;
        if (!isShown(tile)) continue;
        shown += 1;
        what.isShown = true;
      }
    },

    stop() {
      if (!looks) return {};
      const all = [...seen.values()];
      const wait_ms = all.reduce((sum, { from, to }) => sum + to - from, 0) / all.length;
      return { seen: all.length, shown: shown / looks, wait_ms, unseen: all.filter((what) => !what.isShown).length };
    },
  };
}
