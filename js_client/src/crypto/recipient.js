/**
 * The key pair of this client, to which a server seals image keys (docs/wire-format.md, "Sealed key").
 *
 * The pair is in memory, and with `keyPair: "stored"` also in IndexedDB (stored/pair.js). Its private half cannot be
 * exported. An image key is unwrapped to a handle, so its bytes are never in JavaScript.
 */

import { NAME, textOf } from "./cookie.js";
import { RecordError } from "../errors.js";
import { IV_BYTES, KEY_BYTES } from "../format/records.js";
import { subtle } from "./decrypt.js";

/** @import { ImageRecord, ParsedRecord } from "../format/records.js" */

/**
 * `find` finds or makes the pair. The recipient of a test client has no `find`. `isStored`: IndexedDB has the pair that
 * `find` found. `opened` also gets the record, because stored/offline.js extends it.
 *
 * @typedef {Omit<ReturnType<typeof createRecipient>, "find" | "opened"> & {find?: () => Promise<Pair>, isStored?: boolean,
 *   opened: (parsed: ParsedRecord, record: ImageRecord) => ParsedRecord}} Recipient
 */

/** @typedef {Awaited<ReturnType<typeof generate>>} Pair  `own`: the public half, 65 bytes */

const CURVE = { name: "ECDH", namedCurve: "P-256" };
const POINT_BYTES = 65;

/** The most answers of a server with their wrapping keys in memory. */
const MOST_ANSWERS = 100;

const PURPOSE = "pixstore_asgi/1 sealed key";

export function createRecipient() {
  /** @type {Promise<Pair> | undefined} */
  let pair;
  /** @type {Map<string, ReturnType<typeof derive>>}  by the ephemeral point of the answer */
  const wrappingKeys = new Map();

  /**
   * Derive the wrapping key of one answer: ECDH (NIST SP 800-56A) and HKDF-SHA-256 (RFC 5869).
   *
   * @param {Uint8Array<ArrayBuffer>} point  ephemeral, 65 bytes
   */
  async function derive(point) {
    // WebKitGTK crashes on a compressed point.
    const ephemeral = await subtle().importKey("raw", /** @type {any} */ (point[0] === 4 && point), CURVE, false, []);
    const { privateKey, own } = await (pair ??= recipient.find());
    const ecdh = { name: "ECDH", public: ephemeral };
    const shared = await subtle().deriveKey(ecdh, privateKey, "HKDF", false, ["deriveKey"]);
    const info = Uint8Array.of(...bytesOf(PURPOSE), ...point, ...own);
    const hkdf = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info };
    return subtle().deriveKey(hkdf, shared, { name: "AES-GCM", length: 256 }, false, ["unwrapKey"]);
  }

  /**
   * @param {ParsedRecord} parsed
   * @param {Uint8Array<ArrayBuffer>} sealed  point ‖ nonce ‖ key and tag
   */
  async function unwrap({ id, token, iv, tag, proof }, sealed) {
    const point = sealed.subarray(0, POINT_BYTES);
    const name = String(point);
    const bound = [PURPOSE, id, String(token), iv, tag, proof].map(bytesOf);
    const gcm = {
      name: "AES-GCM",
      iv: sealed.subarray(POINT_BYTES, POINT_BYTES + IV_BYTES),
      additionalData: Uint8Array.from(bound.flatMap((part) => [part.length >> 8, part.length, ...part])),
    };
    if (wrappingKeys.size >= MOST_ANSWERS) wrappingKeys.clear();
    const found = wrappingKeys.get(name) ?? derive(point);
    wrappingKeys.set(name, found);
    try {
      const wrappingKey = await found;
      const wrapped = sealed.subarray(POINT_BYTES + IV_BYTES);
      return await subtle().unwrapKey("raw", wrapped, wrappingKey, gcm, "AES-GCM", false, ["decrypt"]);
    } catch (cause) {
      throw new RecordError("the record is sealed to another page, or was changed", { reason: "sealed", cause });
    }
  }

  const recipient = {
    /** A client with a stored pair replaces this. */
    find: generate,

    /**
     * Return the headers of a request for records. The server seals the records of the response to this client.
     *
     * @returns {Promise<Record<string, string>>}  none if the browser makes no pair; records are then plain
     */
    async headers() {
      try {
        const { own } = await (pair ??= recipient.find());
        return { [NAME]: textOf(own) };
      } catch {
        return {};
      }
    },

    /**
     * Start to unwrap the key of a sealed record. Return a plain record as it is.
     *
     * @param {ParsedRecord} parsed
     * @returns {ParsedRecord}  `key` rejects with RecordError, reason "sealed", if the record is sealed to another page
     */
    opened(parsed) {
      const sealed = /** @type {Uint8Array<ArrayBuffer>} */ (parsed.key);
      if (sealed.length === KEY_BYTES) return parsed;
      const key = unwrap(parsed, sealed);
      // Nothing awaits the key if the load fails earlier.
      key.catch(() => {});
      return { ...parsed, key };
    },

    /** Discard the pair in memory. Unless it is stored, the records that are sealed to it no longer open. */
    forget() {
      pair = undefined;
      wrappingKeys.clear();
    },
  };
  return recipient;
}

export async function generate() {
  const { privateKey, publicKey } = await subtle().generateKey(CURVE, false, ["deriveKey"]);
  return { privateKey, own: new Uint8Array(await subtle().exportKey("raw", publicKey)) };
}

/** @param {string | Uint8Array} part */
const bytesOf = (part) => (typeof part === "string" ? new TextEncoder().encode(part) : part);
