/** The images of a test client, with their versions, records and proofs. They replace a server. */

import { ConfigError, WireState, stateError } from "../errors.js";
import { isOf } from "../format/ids.js";
import { parseRecord } from "../format/records.js";
import { sealedKey } from "./recipient.js";

/** @import { ImageRecord, ParsedRecord } from "../format/records.js" */

/**
 * The description of a picture in its record.
 *
 * @typedef {object} Size
 * @property {Uint8Array | undefined} [bytes]  of the image; default a small PNG
 * @property {number | undefined} [width]  in pixels; default: the small PNG's
 * @property {number | undefined} [height]
 * @property {string | undefined} [placeholder]  a ThumbHash in base64
 */

/** @typedef {Omit<Size, "bytes"> & {variants?: Record<string, Size> | undefined}} Details */

/** @typedef {{token: number, bytes: Uint8Array, described: Omit<Size, "bytes">}} Version */

/** @typedef {ReturnType<typeof createImages>} Images */

/** Nothing is decrypted with these. */
const META = { key: zeros(32), iv: zeros(12), tag: zeros(16) };

/** @param {number} proofMs  how long a proof lives */
export function createImages(proofMs) {
  /** @type {Map<string, Version>}  by id, of variants too */
  const versions = new Map();
  /** @type {Map<string, string[]>}  the names of an image's variants */
  const names = new Map();
  /** @type {Map<string, number>}  of the last version, also of removed images */
  const tokens = new Map();
  /** @type {Map<string, number>}  the number of the first valid proof of an image */
  const firstGood = new Map();
  let proofs = 0;

  /** @param {string} id */
  function remove(id) {
    for (const each of [...versions.keys()].filter((known) => isOf(known, id))) versions.delete(each);
    names.delete(id);
  }

  /**
   * @param {string} id
   * @param {Uint8Array | undefined} bytes
   * @param {Details} details
   */
  function put(id, bytes, { variants = {}, ...size }) {
    remove(id);
    const token = (tokens.get(id) ?? 0) + 1;
    tokens.set(id, token);
    versions.set(id, versionOf({ bytes, ...size }, token));
    names.set(id, Object.keys(variants));
    for (const [name, variant] of Object.entries(variants)) versions.set(`${id}~${name}`, versionOf(variant, token));
  }

  /**
   * @param {string} id
   * @param {string | undefined} [recipient]  the page that the record is sealed to; undefined: a plain record
   * @returns {ImageRecord | null}
   */
  function record(id, recipient) {
    const version = versions.get(id);
    if (!version) return null;
    const variants = (names.get(id) ?? []).map((name) => [name, record(`${id}~${name}`, recipient)]);
    proofs += 1;
    const { token, described } = version;
    const proof = `test-proof-${proofs}`;
    return {
      id,
      token,
      ...described,
      ...(recipient ? { placeholder: undefined } : {}),
      meta: recipient ? { sealed: sealedKey(recipient, { token, proof }), iv: META.iv, tag: META.tag } : META,
      statelessProof: proof,
      proofExpiresAt: Date.now() + proofMs,
      ...(variants.length ? { variants: Object.fromEntries(variants) } : {}),
    };
  }

  /** @param {string} id */
  function known(id) {
    const version = versions.get(id);
    if (!version) throw new ConfigError(`there is no image ${id}: add it first`);
    return version;
  }

  return {
    record,
    remove,
    known,

    /**
     * @param {string} id
     * @param {Uint8Array | undefined} bytes
     * @param {Details} details
     */
    add(id, bytes, details) {
      parseRecord({ id, token: 1, meta: META, statelessProof: "test-proof" });
      put(id, bytes, details);
    },

    /**
     * Omitted values stay as they are.
     *
     * @param {string} id
     * @param {Uint8Array | undefined} bytes
     * @param {Details} details
     */
    update(id, bytes, details) {
      const before = known(id);
      const variants = (names.get(id) ?? []).map((name) => [name, sizeOf(known(`${id}~${name}`))]);
      const given = { ...before.described, variants: Object.fromEntries(variants), ...details };
      put(id, bytes ?? before.bytes, given);
    },

    /**
     * Expire the proofs issued so far, of an image and its variants or of all images.
     *
     * @param {string} [id]
     */
    expire(id) {
      for (const each of versions.keys()) if (isOf(each, id)) firstGood.set(each, proofs + 1);
    },

    /**
     * Answer a record as a server does: with the current version, the format byte and the image.
     *
     * @param {ParsedRecord} asked
     */
    answer({ id, token: asked, key, proof, expiresAt }) {
      const number = Number(/^test-proof-(\d+)$/.exec(proof)?.[1] ?? 0);
      if (number < (firstGood.get(id) ?? 1) || Date.now() >= expiresAt) throw stateError(WireState.InvalidProof);
      const version = versions.get(id);
      if (!version) throw stateError(WireState.NotFound);
      const { token, bytes } = version;
      // No answer brings the newer key to a sealed record.
      if (key instanceof Promise && token !== asked) throw stateError(WireState.InvalidProof);
      return { token, plaintext: Uint8Array.of(formatByteOf(bytes), ...bytes) };
    },
  };
}

/**
 * @param {Size} size
 * @param {number} token
 * @returns {Version}
 */
function versionOf({ bytes, ...described }, token) {
  if (bytes) return { token, bytes, described };
  return { token, bytes: samplePng(), described: { ...SIZE, ...described } };
}

/** @param {Version} version */
const sizeOf = ({ bytes, described }) => ({ bytes, ...described });

/** @param {number} size */
function zeros(size) {
  return btoa("\0".repeat(size));
}

const PNG =
  "iVBORw0KGgoAAAANSUhEUgAAABAAAAAMCAIAAADkharWAAAAiUlEQVR42mOUsznBw/CDeMTCwMFAEmBi4GDAimpmbMEqjsWGKR1LIIyCCXsYGBhW" +
  "VJjgs2FBxxw0/REdZwjYgAVw4LBhTcUUrOp9Kq7A1aBoCJmRg1XDlhk6VHISAwdDwooUNMUrVpgQ8HTOhhgehh8dAWsmbHDhYfjBw/EDWRank1p2" +
  "+KAphQAAuQMver/SPnwAAAAASUVORK5CYII=";

/** Return a PNG of 16 × 12 pixels. */
export const samplePng = () => Uint8Array.from(atob(PNG), (character) => character.charCodeAt(0));

const SIZE = Object.freeze({ width: 16, height: 12 });

/** Patterns of the first twelve bytes by format byte. Any other file counts as PNG. */
const BEGINNINGS = /** @type {const} */ ([
  [2, /^RIFF....WEBP/s],
  [4, /^\xff\xd8\xff/],
  [5, /^GIF8/],
  [6, /^....ftypavi[fs]/s],
]);
const PNG_BYTE = 1;

/**
 * Return the format byte that the server puts before an image.
 *
 * @param {Uint8Array} bytes
 */
export function formatByteOf(bytes) {
  const beginning = String.fromCharCode(...bytes.subarray(0, 12));
  return BEGINNINGS.find(([, pattern]) => pattern.test(beginning))?.[0] ?? PNG_BYTE;
}
