/**
 * Decodes the placeholder of a picture into pixels or a URL. It is a ThumbHash of up to 25 bytes (format by Evan
 * Wallace, https://evanw.github.io/thumbhash/): a few terms of a cosine transform for luminance, two colour differences
 * and alpha.
 */

const LONGEST = 16; // pixels of the longer side, which the browser scales up; no side has more than 7 terms

/** @typedef {(x: number, y: number) => number} Channel  returns 0 to 255 at a position, both coordinates 0 to 1 */

/** @typedef {{width: number, height: number, rgba: Uint8ClampedArray<ArrayBuffer>}} Pixels */

/**
 * Decode a placeholder into a small picture.
 *
 * @param {string} placeholder  a record's, in base64
 * @param {number} ratio  the picture's width divided by its height
 * @returns {Pixels}  at most 16 pixels wide and high
 */
export function pixelsOf(placeholder, ratio) {
  const width = Math.round(LONGEST * Math.min(1, ratio)) || 1;
  const height = Math.round(LONGEST / Math.max(1, ratio)) || 1;
  return { width, height, rgba: new Uint8ClampedArray(rgbaOf(placeholder, width, height)) };
}

/**
 * @param {string} placeholder  a record's, in base64
 * @param {number} width  in pixels
 * @param {number} height  in pixels
 * @returns {number[]}  RGBA, not rounded or clamped; transparent if the placeholder is no base64
 */
export function rgbaOf(placeholder, width, height) {
  const bytes = bytesOf(placeholder);
  if (!bytes) return new Array(4 * width * height).fill(0);
  const channels = channelsOf(createReader(bytes));
  const rgba = [];
  for (let y = 0.5; y < height; y += 1) {
    for (let x = 0.5; x < width; x += 1) {
      const values = channels.map((channel) => channel(x / width, y / height));
      const [luminance, yellowBlue, redGreen, alpha] = /** @type {[number, number, number, number]} */ (values);
      const blue = luminance - (2 / 3) * yellowBlue;
      const red = (3 * luminance - blue + redGreen) / 2;
      rgba.push(red, red - redGreen, blue, alpha);
    }
  }
  return rgba;
}

/** @param {string} placeholder */
function bytesOf(placeholder) {
  try {
    return atob(placeholder);
  } catch {
    // The picture is good all the same, and a page that renders it must not fail.
    return "";
  }
}

/**
 * Read unsigned integers of a number of bits, low bits first. After the end all bits are 0.
 *
 * @param {string} bytes
 */
function createReader(bytes) {
  let at = 0;
  /** @type {(bits: number) => number} */
  const read = (bits) => bits && ((bytes.charCodeAt(at >> 3) >> (at++ & 7)) & 1) + 2 * read(bits - 1);
  return read;
}

/**
 * @param {(bits: number) => number} read
 * @returns {Channel[]}  luminance, yellow minus blue, red minus green, alpha
 */
function channelsOf(read) {
  // The mean and the scale of each channel, and how many terms the luminance has along the shorter side.
  const [l, p, q, lScale, hasAlpha, count, pScale, qScale, isWide] =
    /** @type {[number, number, number, number, number, number, number, number, number]} */ (
      [6, 6, 6, 5, 1, 3, 6, 6, 1].map(read)
    );
  const [a, aScale] = hasAlpha ? [read(4), read(4)] : [15, 0];
  const [longer, shorter] = [hasAlpha ? 5 : 7, Math.max(3, count)];

  /**
   * @param {number} nx  width of the triangle of terms
   * @param {number} ny
   * @param {number} mean
   * @param {number} scale
   * @returns {Channel}
   */
  function channelOf(nx, ny, mean, scale) {
    /** @type {Channel[]} */
    const terms = [];
    for (let cy = 0; cy < ny; cy += 1) {
      for (let cx = cy ? 0 : 1; cx * ny < nx * (ny - cy); cx += 1) {
        const weight = scale * (read(4) / 3.75 - 2);
        terms.push((x, y) => weight * Math.cos(Math.PI * cx * x) * Math.cos(Math.PI * cy * y));
      }
    }
    return (x, y) => 255 * terms.reduce((sum, term) => sum + term(x, y), mean);
  }

  return [
    channelOf(isWide ? longer : shorter, isWide ? shorter : longer, l / 63, lScale / 31),
    channelOf(3, 3, p / 31.5 - 1, pScale / 50.4),
    channelOf(3, 3, q / 31.5 - 1, qScale / 50.4),
    channelOf(5, 5, a / 15, aScale / 15),
  ];
}

/**
 * Make a small PNG of a record's placeholder, also on a server. A Content-Security-Policy must allow `data:` in `img-src`.
 *
 * @param {{placeholder?: string | undefined, width?: number | undefined, height?: number | undefined}} record
 * @returns {string | undefined}  a `data:` URL, or undefined if the record has no placeholder
 */
export function placeholderUrl({ placeholder, width = 1, height = 1 }) {
  if (!placeholder) return undefined;
  const bytes = pngOf(pixelsOf(placeholder, width / height));
  return `data:image/png;base64,${btoa(String.fromCharCode(...bytes))}`;
}

/**
 * Encode a PNG of 8-bit RGBA (W3C, Portable Network Graphics, third edition) with one stored zlib block.
 *
 * @param {Pixels} pixels  less than 64 KiB
 */
function pngOf({ width, height, rgba }) {
  const rows = [];
  // Each row starts with its filter type: none.
  for (let y = 0; y < height; y += 1) rows.push(0, ...rgba.subarray(y * width * 4, (y + 1) * width * 4));
  const size = rows.length;
  const [low, high] = [size & 255, size >> 8];
  const stored = [0x78, 1, 1, low, high, ~low & 255, ~high & 255, ...rows, ...u32(adler32(rows))];
  return [
    ...[0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a],
    ...chunk("IHDR", [...u32(width), ...u32(height), 8, 6, 0, 0, 0]),
    ...chunk("IDAT", stored),
    ...chunk("IEND", []),
  ];
}

/**
 * @param {string} type
 * @param {number[]} data
 */
function chunk(type, data) {
  const body = [...[...type].map((letter) => letter.charCodeAt(0)), ...data];
  return [...u32(data.length), ...body, ...u32(crc32(body))];
}

/** @param {number} value */
const u32 = (value) => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255);

/** @param {number[]} bytes */
function crc32(bytes) {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc;
}

/** @param {number[]} bytes */
function adler32(bytes) {
  let [one, other] = [1, 0];
  for (const byte of bytes) other = (other + (one = (one + byte) % 65521)) % 65521;
  return other * 65536 + one;
}
