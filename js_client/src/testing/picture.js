/** Image bytes for tests. */

const PNG =
  "iVBORw0KGgoAAAANSUhEUgAAABAAAAAMCAIAAADkharWAAAAiUlEQVR42mOUsznBw/CDeMTCwMFAEmBi4GDAimpmbMEqjsWGKR1LIIyCCXsYGBhW" +
  "VJjgs2FBxxw0/REdZwjYgAVw4LBhTcUUrOp9Kq7A1aBoCJmRg1XDlhk6VHISAwdDwooUNMUrVpgQ8HTOhhgehh8dAWsmbHDhYfjBw/EDWRank1p2" +
  "+KAphQAAuQMver/SPnwAAAAASUVORK5CYII=";

/** A PNG of SIZE that every browser draws. */
export const samplePng = () => Uint8Array.from(atob(PNG), (character) => character.charCodeAt(0));

export const SIZE = Object.freeze({ width: 16, height: 12 });

/** What files of a format have in their first twelve bytes, by its format byte; what is none of them counts as PNG. */
const BEGINNINGS = /** @type {const} */ ([
  [2, /^RIFF....WEBP/s],
  [4, /^\xff\xd8\xff/],
  [5, /^GIF8/],
  [6, /^....ftypavi[fs]/s],
]);
const PNG_BYTE = 1;

/**
 * The format byte that the server puts before an image.
 *
 * @param {Uint8Array} bytes
 */
export function formatByteOf(bytes) {
  const beginning = String.fromCharCode(...bytes.subarray(0, 12));
  return BEGINNINGS.find(([, pattern]) => pattern.test(beginning))?.[0] ?? PNG_BYTE;
}
