/**
 * The blurred picture in a ThumbHash of up to 25 bytes (format by Evan Wallace, https://evanw.github.io/thumbhash/): a few
 * terms of a cosine transform for the luminance, two differences of colours, and alpha.
 */

const LONGEST = 32; // pixels of what is painted, which the browser scales up

/** @typedef {{dc: number, terms: {cx: number, cy: number, weight: number}[]}} Channel */

/** @typedef {{width: number, height: number, rgba: Uint8ClampedArray<ArrayBuffer>}} Pixels */

/**
 * @param {string} placeholder  of a record
 * @param {number} ratio  of the picture's width to its height
 * @returns {Pixels}
 */
export function pixelsOf(placeholder, ratio) {
  const bytes = atob(placeholder);
  const channels = channelsOf((index) => bytes.charCodeAt(index) || 0);
  const width = Math.max(1, Math.round(LONGEST * Math.min(1, ratio)));
  const height = Math.max(1, Math.round(LONGEST / Math.max(1, ratio)));
  const rgba = new Uint8ClampedArray(width * height * 4);
  for (let pixel = 0; pixel < width * height; pixel += 1) {
    const [x, y] = [((pixel % width) + 0.5) / width, (Math.floor(pixel / width) + 0.5) / height];
    rgba.set(rgbaOf(channels.map((channel) => valueAt(channel, x, y))), pixel * 4);
  }
  return { width, height, rgba };
}

/** @param {(index: number) => number} byteAt */
function channelsOf(byteAt) {
  const head = byteAt(0) | (byteAt(1) << 8) | (byteAt(2) << 16);
  const more = byteAt(3) | (byteAt(4) << 8);
  const hasAlpha = Boolean(head >> 23);
  const [longer, shorter] = [hasAlpha ? 5 : 7, Math.max(3, more & 7)];
  const [lx, ly] = more >> 15 ? [longer, shorter] : [shorter, longer]; // the first bit: whether it is wider than high
  const nextTerm = createTerms(byteAt, hasAlpha ? 6 : 5);
  const channels = [
    channelOf(lx, ly, (head & 63) / 63, ((head >> 18) & 31) / 31, nextTerm),
    channelOf(3, 3, ((head >> 6) & 63) / 31.5 - 1, (1.25 * ((more >> 3) & 63)) / 63, nextTerm),
    channelOf(3, 3, ((head >> 12) & 63) / 31.5 - 1, (1.25 * ((more >> 9) & 63)) / 63, nextTerm),
  ];
  return hasAlpha ? [...channels, channelOf(5, 5, (byteAt(5) & 15) / 15, (byteAt(5) >> 4) / 15, nextTerm)] : channels;
}

/**
 * Reads terms from -1 to 1, of four bits each, the low ones first.
 *
 * @param {(index: number) => number} byteAt
 * @param {number} start
 */
function createTerms(byteAt, start) {
  let at = start * 2;
  return () => {
    const nibble = (byteAt(at >> 1) >> ((at & 1) * 4)) & 15;
    at += 1;
    return nibble / 7.5 - 1;
  };
}

/**
 * @param {number} nx
 * @param {number} ny
 * @param {number} dc
 * @param {number} scale
 * @param {() => number} nextTerm
 * @returns {Channel}  the terms are those of a triangle of nx by ny
 */
function channelOf(nx, ny, dc, scale, nextTerm) {
  const terms = [];
  for (let cy = 0; cy < ny; cy += 1) {
    for (let cx = cy ? 0 : 1; cx * ny < nx * (ny - cy); cx += 1) terms.push({ cx, cy, weight: 2 * scale * nextTerm() });
  }
  return { dc, terms };
}

/**
 * @param {Channel} channel
 * @param {number} x  0 to 1
 * @param {number} y  0 to 1
 */
const valueAt = ({ dc, terms }, x, y) =>
  terms.reduce((sum, { cx, cy, weight }) => sum + weight * Math.cos(Math.PI * cx * x) * Math.cos(Math.PI * cy * y), dc);

/** @param {number[]} values  luminance, yellow less blue, red less green, alpha */
function rgbaOf([luminance = 0, yellowBlue = 0, redGreen = 0, alpha = 1]) {
  const blue = luminance - (2 / 3) * yellowBlue;
  const red = (3 * luminance - blue + redGreen) / 2;
  return [red, red - redGreen, blue, alpha].map((value) => value * 255);
}
