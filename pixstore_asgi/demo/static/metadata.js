/** What a picture's file holds beside the picture. It is read here in the page, out of the file before and after. */

import { factsInExif } from "./exif.js";
import { bytes as inBytes } from "./format.js";

/** @import { Fact } from "./exif.js" */

/** @typedef {{kind: string, content: Uint8Array}} Part  of a container: a segment or a chunk */

const PNG = [0x89, 0x50, 0x4e, 0x47];
const JPEG = [0xff, 0xd8, 0xff];
const BEHIND = "behind";

/** What stays in any case: pixels, colours, frames, and what tells how they are stored. */
const PICTURE = {
  jpeg: /^(APP0 JFIF|APP2 ICC_PROFILE|APP14 Adobe|SOF|DHT|DQT|DRI|SOS|DAC)/,
  png: /^(IHDR|PLTE|IDAT|IEND|tRNS|acTL|fcTL|fdAT|pHYs|gAMA|cHRM|sRGB|iCCP|cICP|mDCV|cLLI|sBIT|bKGD|hIST|sPLT)$/,
  webp: /^(VP8 |VP8L|VP8X|ALPH|ICCP|ANIM|ANMF|JUNK)$/,
};

/** @type {[RegExp, string][]} */
const NAMES = [
  [/^(APP1 http:\/\/ns\.adobe\.com\/xap|XMP )/, "XMP"],
  [/^APP1 http/, "Extended XMP"],
  [/^APP2 MPF/, "Index of more pictures"],
  [/^APP13/, "IPTC"],
  [/^COM/, "Comment"],
  [/^([tz]TXt|tEXt|iTXt)$/, "Text"],
  [/^tIME$/, "Date of change"],
  [new RegExp(`^${BEHIND}$`), "Behind its end"],
];

/**
 * @param {Blob} file
 * @returns {Promise<Fact[]>} none for what is no picture that is known here
 */
export async function factsIn(file) {
  const data = new Uint8Array(await file.arrayBuffer());
  if (startsWith(data, PNG)) return factsOf(pngParts(data), PICTURE.png);
  if (startsWith(data, JPEG)) return factsOf(jpegParts(data), PICTURE.jpeg);
  return asText(data, 8, 12) === "WEBP" ? factsOf(webpParts(data), PICTURE.webp) : [];
}

/**
 * @param {Iterable<Part>} parts
 * @param {RegExp} picture
 * @returns {Fact[]}
 */
function factsOf(parts, picture) {
  const facts = [];
  for (const { kind, content } of parts) {
    if (/^(APP1 Exif|eXIf$|EXIF$)/.test(kind)) facts.push(...factsInExif(withoutMark(content)));
    else if (!picture.test(kind)) facts.push({ name: nameOf(kind), value: inBytes(content.length) });
  }
  return facts;
}

/** @param {string} kind */
const nameOf = (kind) => NAMES.find(([pattern]) => pattern.test(kind))?.[1] ?? `Data of type ${kind.slice(0, 12)}`;

/** @param {Uint8Array} content */
const withoutMark = (content) => (asText(content, 0, 4) === "Exif" ? content.subarray(6) : content);

/**
 * Segments up to the picture's end (ITU-T T.81, B.1), and what follows that.
 *
 * @param {Uint8Array} data
 * @returns {Generator<Part>}
 */
function* jpegParts(data) {
  const view = new DataView(data.buffer);
  for (let at = data.indexOf(0xff, 2); at >= 0; at = data.indexOf(0xff, at)) {
    const marker = data[at + 1];
    if (marker === 0xd9) return yield* behind(data, at + 2);
    if (at + 4 > data.length) return;
    if (marker === 0xff) at += 1;
    else if (marker < 0xc0 || (marker >= 0xd0 && marker <= 0xd8))
      at += 2; // data of a scan
    else {
      const content = data.subarray(at + 4, at + 2 + view.getUint16(at + 2));
      yield { kind: kindOf(marker, content), content };
      at += 4 + content.length;
    }
  }
}

/**
 * @param {number} marker
 * @param {Uint8Array} content
 */
function kindOf(marker, content) {
  if (marker === 0xfe) return "COM";
  if (marker >= 0xe0 && marker < 0xf0) return `APP${marker - 0xe0} ${asText(content, 0, 29).split("\0", 1)[0]}`;
  return marker < 0xe0 ? "SOF" : "JPGn";
}

/**
 * @param {Uint8Array} data
 * @returns {Generator<Part>}
 */
function* pngParts(data) {
  const view = new DataView(data.buffer);
  for (let at = 8; at + 12 <= data.length;) {
    const kind = asText(data, at + 4, at + 8);
    const end = at + 12 + view.getUint32(at);
    yield { kind, content: data.subarray(at + 8, end - 4) };
    if (kind === "IEND") return yield* behind(data, end);
    at = end;
  }
}

/**
 * @param {Uint8Array} data
 * @returns {Generator<Part>}
 */
function* webpParts(data) {
  const view = new DataView(data.buffer);
  const end = Math.min(8 + view.getUint32(4, true), data.length);
  for (let at = 12; at + 8 <= end;) {
    const size = view.getUint32(at + 4, true);
    yield { kind: asText(data, at, at + 4), content: data.subarray(at + 8, at + 8 + size) };
    at += 8 + size + (size % 2);
  }
  yield* behind(data, end);
}

/**
 * @param {Uint8Array} data
 * @param {number} end  of the picture
 * @returns {Generator<Part>}
 */
function* behind(data, end) {
  if (end < data.length) yield { kind: BEHIND, content: data.subarray(end) };
}

/**
 * @param {Uint8Array} data
 * @param {number[]} head
 */
const startsWith = (data, head) => head.every((byte, place) => data[place] === byte);

/**
 * @param {Uint8Array} data
 * @param {number} start
 * @param {number} end
 */
const asText = (data, start, end) => String.fromCharCode(...data.subarray(start, end));
