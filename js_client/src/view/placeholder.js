/**
 * Decodes the placeholder of a picture into pixels or a URL. It is a ThumbHash of up to 25 bytes (format by Evan
 * Wallace, https://evanw.github.io/thumbhash/): a few terms of a cosine transform for luminance, two colour differences
 * and alpha.
 */

const LONGEST = 16; // pixels of the longer side, which the browser scales up; no side has more than 7 terms

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
  /** @type {any[]} */
  const rgba = Array(4 * width * height).fill(0);
  const bytes = bytesOf(placeholder);
  if (!bytes) return rgba;
  const read = createReader(bytes);
  // The mean and the scale of each channel, and how many terms the luminance has along the shorter side.
  const [l, p, q, lScale, hasAlpha, count, pScale, qScale, isWide] =
    /** @type {[number, number, number, number, number, number, number, number, number]} */ (
      [6, 6, 6, 5, 1, 3, 6, 6, 1].map(read)
    );
  const [a, aScale] = hasAlpha ? [read(4), read(4)] : [15, 0];
  /** @type {any[]} */
  const sides = [hasAlpha ? 5 : 7, Math.max(3, count)];
  if (!isWide) sides.reverse();

  /**
   * Add a channel to the pixels.
   *
   * @param {any[]} mix  its share in red, green, blue and alpha
   * @param {number} nx  width of the triangle of terms
   * @param {number} ny
   * @param {number} mean
   * @param {number} scale
   */
  function add(mix, nx, ny, mean, scale) {
    // The terms of one frequency along the width share its cosines: add them up for each row first.
    /** @type {any[]} */
    const rows = [];
    for (let cy = 0; cy < ny; cy += 1) {
      for (let cx = 0; cx * ny < nx * (ny - cy); cx += 1) {
        const weight = cx + cy ? scale * (read(4) / 3.75 - 2) : mean;
        rows[cx] ??= Array(height).fill(0);
        for (let y = 0; y < height; y += 1) rows[cx][y] += weight * waveOf(cy, y, height);
      }
    }
    rows.forEach((row, cx) => {
      for (let x = 0; x < width; x += 1) {
        const wave = waveOf(cx, x, width);
        for (let y = 0; y < height; y += 1) {
          for (let at = 0; at < 4; at += 1) rgba[4 * (y * width + x) + at] += 255 * mix[at] * wave * row[y];
        }
      }
    });
  }

  add([1, 1, 1, 0], sides[0], sides[1], l / 63, lScale / 31);
  add([1 / 3, 1 / 3, -2 / 3, 0], 3, 3, p / 31.5 - 1, pScale / 50.4);
  add([1 / 2, -1 / 2, 0, 0], 3, 3, q / 31.5 - 1, qScale / 50.4);
  add([0, 0, 0, 1], 5, 5, a / 15, aScale / 15);
  return rgba;
}

/**
 * @param {number} n  the frequency
 * @param {number} at  a pixel
 * @param {number} size  in pixels
 */
const waveOf = (n, at, size) => Math.cos((Math.PI * n * (at + 0.5)) / size);

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
 * Make a small PNG of a record's placeholder, also on a server. A Content-Security-Policy must allow `data:` in `img-src`.
 *
 * @param {{placeholder?: string | undefined, width?: number | undefined, height?: number | undefined}} record
 * @returns {string | undefined}  a `data:` URL, or undefined if the record has no placeholder
 */
export function placeholderUrl({ placeholder, width = 1, height = 1 }) {
  if (!placeholder) return undefined;
  // A page that renders a record of negative size must not fail.
  return `data:image/png;base64,${btoa(pngOf(pixelsOf(placeholder, Math.abs(width / height))))}`;
}

/**
 * Encode a PNG of 8-bit RGBA (W3C, Portable Network Graphics, third edition) with one stored zlib block.
 *
 * @param {Pixels} pixels  less than 64 KiB
 */
function pngOf({ width, height, rgba }) {
  const row = 4 * width;
  const size = (row + 1) * height;
  // Each row starts with its filter type: none.
  const data = new Uint8Array(size + 11);
  data.set([0x78, 1, 1, size, size >> 8, ~size, ~size >> 8]);
  for (let y = 0; y < height; y += 1) data.set(rgba.subarray(y * row, (y + 1) * row), 8 + y * (row + 1));
  data.set(u32(adler32(data.subarray(7, -4))), size + 7);
  return [
    "\x89PNG\r\n\x1a\n",
    chunk("IHDR", [...u32(width), ...u32(height), 8, 6, 0, 0, 0]),
    chunk("IDAT", data),
    chunk("IEND", []),
  ].join("");
}

/**
 * @param {string} type
 * @param {Iterable<number>} data
 */
function chunk(type, data) {
  const body = String.fromCharCode(...data);
  return String.fromCharCode(...u32(body.length)) + type + body + String.fromCharCode(...u32(crc32(type + body)));
}

/** @param {number} value */
const u32 = (value) => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255);

/** @type {any[]}  the remainder of each byte */
const REMAINDERS = /* @__PURE__ */ Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit += 1) remainder = (remainder >>> 1) ^ (remainder & 1 ? 0xedb88320 : 0);
  return remainder;
});

/** @param {string} bytes */
function crc32(bytes) {
  let crc = ~0;
  for (let at = 0; at < bytes.length; at += 1) crc = (crc >>> 8) ^ REMAINDERS[(crc ^ bytes.charCodeAt(at)) & 255];
  return ~crc;
}

/** @param {Uint8Array} bytes  so few that the sums stay exact */
function adler32(bytes) {
  let [one, other] = [1, 0];
  for (const byte of bytes) other += one += byte;
  return (other % 65521) * 65536 + (one % 65521);
}
