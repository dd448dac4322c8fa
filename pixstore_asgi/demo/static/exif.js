/** What an Exif block tells: where, when and with what a picture was taken (Exif 3.0, 4.6). */

import { bytes, counted } from "./format.js";

/** @typedef {{name: string, value: string}} Fact */

const MAKER = 0x010f;
const MODEL = 0x0110;

/** Those that tell most come first. */
const TEXTS = new Map([
  [0x9003, "Date taken"],
  [0x013b, "Author"],
  [0xa430, "Owner"],
  [0xa431, "Serial number"],
  [0x010e, "Description"],
  [0x8298, "Copyright"],
  [0xa434, "Lens"],
  [0x0131, "Software"],
  [0x0132, "Date of change"],
]);
const THUMBNAIL_LENGTH = 0x0202;
const BLOCKS = new Map([
  [THUMBNAIL_LENGTH, "Embedded thumbnail"],
  [0x927c, "Maker notes"],
  [0x9286, "User comment"],
]);
const ORIENTATION = 0x0112;
const EXIF_DIRECTORY = 0x8769;
const GPS_DIRECTORY = 0x8825;
const GPS = { latitudeRef: 1, latitude: 2, longitudeRef: 3, longitude: 4 };
const TURNED = [
  "",
  "",
  "mirrored",
  "by 180°",
  "upside down",
  "mirrored, by 90°",
  "by 90°",
  "mirrored, by 270°",
  "by 270°",
];
const SIZE_OF = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8]; // bytes of a value, by the number of its type
const MOST_CHARACTERS = 80;

/** @typedef {{tag: number, type: number, count: number, at: number}} Field  `at` is where its value starts */

/**
 * @param {Uint8Array} tiff  a damaged one tells less
 * @returns {Fact[]}
 */
export function factsInExif(tiff) {
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength);
  if (tiff.length < 8) return [];
  const isLittle = view.getUint16(0) === 0x4949;
  const reader = { view, isLittle };
  const [main, next] = directory(reader, view.getUint32(4, isLittle));
  const fields = [...main, ...linked(reader, main, EXIF_DIRECTORY), ...directory(reader, next)[0]];
  return [
    ...positionIn(reader, linked(reader, main, GPS_DIRECTORY)),
    ...cameraIn(reader, fields),
    ...textsIn(reader, fields),
    ...blocksIn(reader, fields),
    ...orientationIn(reader, main),
  ];
}

/**
 * @typedef {{view: DataView, isLittle: boolean}} Reader
 * @param {Reader} reader
 * @param {number} start
 * @returns {[Field[], number]} the fields, and where the next directory starts, 0 for nowhere
 */
function directory({ view, isLittle }, start) {
  if (start < 8 || start + 2 > view.byteLength) return [[], 0];
  const count = view.getUint16(start, isLittle);
  const end = start + 2 + 12 * count;
  const fields = [];
  for (let at = start + 2; at + 12 <= Math.min(end, view.byteLength); at += 12) {
    const [tag, type] = [view.getUint16(at, isLittle), view.getUint16(at + 2, isLittle)];
    const values = view.getUint32(at + 4, isLittle);
    const isInline = (SIZE_OF[type] ?? 1) * values <= 4;
    fields.push({ tag, type, count: values, at: isInline ? at + 8 : view.getUint32(at + 8, isLittle) });
  }
  return [fields, end + 4 <= view.byteLength ? view.getUint32(end, isLittle) : 0];
}

/**
 * @param {Reader} reader
 * @param {Field[]} fields
 * @param {number} tag
 */
function linked(reader, fields, tag) {
  const field = fields.find((each) => each.tag === tag);
  return field ? directory(reader, numberAt(reader, field))[0] : [];
}

/**
 * @param {Reader} reader
 * @param {Field[]} fields
 * @returns {Fact[]}
 */
function cameraIn(reader, fields) {
  const value = [MAKER, MODEL]
    .map((tag) => textOf(reader, fields, tag))
    .join(" ")
    .trim();
  return value ? [{ name: "Camera", value }] : [];
}

/**
 * @param {Reader} reader
 * @param {Field[]} fields
 * @returns {Fact[]}
 */
function textsIn(reader, fields) {
  const found = [...TEXTS].map(([tag, name]) => ({ name, value: withDashes(textOf(reader, fields, tag)) }));
  return found.filter(({ value }) => value);
}

/** @param {string} text  which may be a date, whose parts Exif separates by colons (4.6.6.4) */
const withDashes = (text) => text.replace(/^(\d{4}):(\d\d):(\d\d)\b/, "$1-$2-$3");

/**
 * @param {Reader} reader
 * @param {Field[]} fields
 * @returns {Fact[]}
 */
function blocksIn(reader, fields) {
  const found = fields.filter(({ tag }) => BLOCKS.has(tag));
  return found.map((field) => {
    const length = field.tag === THUMBNAIL_LENGTH ? numberAt(reader, field) : field.count;
    return { name: BLOCKS.get(field.tag), value: bytes(length) };
  });
}

/**
 * @param {Reader} reader
 * @param {Field[]} fields
 * @returns {Fact[]}
 */
function orientationIn(reader, fields) {
  const field = fields.find(({ tag }) => tag === ORIENTATION);
  const value = field && TURNED[numberAt(reader, field)];
  return value ? [{ name: "Orientation", value }] : [];
}

/**
 * @param {Reader} reader
 * @param {Field[]} fields
 * @returns {Fact[]}
 */
function positionIn(reader, fields) {
  const [latitude, longitude] = [GPS.latitude, GPS.longitude].map((tag) => fields.find((field) => field.tag === tag));
  if (!latitude || !longitude)
    return fields.length > 0 ? [{ name: "GPS data", value: counted(fields.length, "field") }] : [];
  const [north, east] = [GPS.latitudeRef, GPS.longitudeRef].map((tag) => textOf(reader, fields, tag));
  const value = `${degreesAt(reader, latitude)}° ${north}, ${degreesAt(reader, longitude)}° ${east}`;
  return [{ name: "GPS position", value }];
}

/**
 * Degrees, minutes and seconds, each a fraction.
 *
 * @param {Reader} reader
 * @param {Field} field
 */
function degreesAt({ view, isLittle }, { at }) {
  if (at + 24 > view.byteLength) return "?";
  const parts = [0, 8, 16].map((from) => view.getUint32(at + from, isLittle) / view.getUint32(at + from + 4, isLittle));
  return (parts[0] + (parts[1] || 0) / 60 + (parts[2] || 0) / 3600).toFixed(5);
}

/**
 * @param {Reader} reader
 * @param {Field} field
 */
function numberAt({ view, isLittle }, { type, at }) {
  if (at + 4 > view.byteLength) return 0;
  return type === 3 ? view.getUint16(at, isLittle) : view.getUint32(at, isLittle);
}

/**
 * @param {Reader} reader
 * @param {Field[]} fields
 * @param {number} tag
 */
function textOf({ view }, fields, tag) {
  const field = fields.find((each) => each.tag === tag);
  if (!field || field.at > view.byteLength) return "";
  const length = Math.min(field.count, MOST_CHARACTERS, view.byteLength - field.at);
  const text = new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + field.at, length));
  return text.split("\0", 1)[0].trim();
}
