/** The placeholder of a picture as a URL, which server-rendered pages can use too. */

import { pixelsOf } from "./thumbhash.js";

/**
 * Make a small PNG of a record's placeholder. A Content-Security-Policy must allow `data:` in `img-src`.
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
 * @param {import("./thumbhash.js").Pixels} pixels  less than 64 KiB
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
