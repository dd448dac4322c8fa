/** The grid of tiles: how it is laid out, and which of them are on the screen. */

const COLUMNS = 5;
export const [WIDTH, HEIGHT] = [240, 180]; // CSS pixels of a tile

/** Make room for so many tiles, also where there are none. */
export function layOut(main, count) {
  Object.assign(main.style, {
    alignContent: "start",
    display: "grid",
    gridAutoRows: `${HEIGHT}px`,
    gridTemplateColumns: `repeat(${COLUMNS}, ${WIDTH}px)`,
    height: `${Math.ceil(count / COLUMNS) * HEIGHT}px`,
  });
}

/** The tiles that are on the screen, in part at least, where the page is scrolled by `y` pixels. */
export function onScreen(tiles, y) {
  const [first, end] = [Math.floor(y / HEIGHT), Math.ceil((y + innerHeight) / HEIGHT)];
  return tiles.slice(first * COLUMNS, end * COLUMNS);
}
