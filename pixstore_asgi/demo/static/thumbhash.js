/**
 * The blurred picture in a ThumbHash of up to 25 bytes (format by Evan Wallace, https://evanw.github.io/thumbhash/): a few
 * terms of a cosine transform for the luminance, two differences of colours, and alpha.
 */

const LONGEST = 32; // pixels of what is painted, which the browser scales up

/** @typedef {{dc: number, terms: {cx: number, cy: number, weight: number}[]}} Channel */

/**
 * @param {string} base64
 * @param {number} ratio  of the picture's width to its height
 */
export function pictureOf(base64, ratio) {
  const channels = channelsOf(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)));
  const width = Math.max(1, Math.round(LONGEST * Math.min(1, ratio)));
  const height = Math.max(1, Math.round(LONGEST / Math.max(1, ratio)));
  const picture = new ImageData(width, height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const values = channels.map((channel) => valueAt(channel, (x + 0.5) / width, (y + 0.5) / height));
      picture.data.set(rgbaOf(values), (y * width + x) * 4);
    }
  }
  return picture;
}

/** @param {Uint8Array} hash */
function channelsOf(hash) {
  const head = hash[0] | (hash[1] << 8) | (hash[2] << 16);
  const more = hash[3] | (hash[4] << 8);
  const hasAlpha = Boolean(head >> 23);
  const sides = [hasAlpha ? 5 : 7, more & 7].map((terms) => Math.max(3, terms));
  const [lx, ly] = more >> 15 ? sides : sides.reverse(); // the first bit: whether it is wider than high
  const nextTerm = createTerms(hash, hasAlpha ? 6 : 5);
  const channels = [
    channelOf(lx, ly, (head & 63) / 63, ((head >> 18) & 31) / 31, nextTerm),
    channelOf(3, 3, ((head >> 6) & 63) / 31.5 - 1, (1.25 * ((more >> 3) & 63)) / 63, nextTerm),
    channelOf(3, 3, ((head >> 12) & 63) / 31.5 - 1, (1.25 * ((more >> 9) & 63)) / 63, nextTerm),
  ];
  return hasAlpha ? [...channels, channelOf(5, 5, (hash[5] & 15) / 15, (hash[5] >> 4) / 15, nextTerm)] : channels;
}

/**
 * Reads terms from -1 to 1, of four bits each, the low ones first.
 *
 * @param {Uint8Array} hash
 * @param {number} start
 */
function createTerms(hash, start) {
  let at = start * 2;
  return () => {
    const nibble = (hash[at >> 1] >> ((at & 1) * 4)) & 15;
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
function rgbaOf([luminance, yellowBlue, redGreen, alpha = 1]) {
  const blue = luminance - (2 / 3) * yellowBlue;
  const red = (3 * luminance - blue + redGreen) / 2;
  return [red, red - redGreen, blue, alpha].map((value) => value * 255);
}
