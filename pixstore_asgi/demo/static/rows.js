/** Rows of pictures as in an album: all of a row are of one height, and fill its width. */

/**
 * @param {number[]} ratios  of width to height
 * @param {number} width  of a row, in pixels
 * @param {number} gap  between two pictures, in pixels
 * @param {number} highest  row, in pixels
 * @returns {{width: number, height: number}[]} the size of each picture
 */
export function sizesInRows(ratios, width, gap, highest) {
  const sizes = [];
  let row = [];
  let height = highest;
  for (const ratio of ratios) {
    row.push(ratio);
    const filling = (width - gap * (row.length - 1)) / row.reduce((sum, each) => sum + each);
    if (filling > highest) continue;
    height = filling;
    sizes.push(...sizesOf(row, height));
    row = [];
  }
  // What does not fill a row is as high as the row before, so that it stays where it is when more come.
  return [...sizes, ...sizesOf(row, height)];
}

/**
 * @param {number[]} row
 * @param {number} height
 */
const sizesOf = (row, height) => row.map((ratio) => ({ width: Math.floor(ratio * height * 100) / 100, height })); // never wider in sum
