/** The key pair of a test client. It needs no WebCrypto: a sealed key names its page and its record in clear. */

import { NAME } from "../crypto/cookie.js";
import { ConfigError, RecordError } from "../errors.js";
import { KEY_BYTES } from "../format/records.js";

/** @import { ParsedRecord } from "../format/records.js" */

/** @typedef {Headers | Record<string, string>} RequestHeaders */

/** The bytes of a sealed key after its point. */
const REST_BYTES = 60;

let pairs = 0;

/** Make the header of a pair: 87 characters, as for a point. */
function newPair() {
  pairs += 1;
  return btoa(`\x04${String(pairs).padStart(64, "0")}`).slice(0, -1);
}

/**
 * Return the recipient in the headers of a request for records, or undefined if they have none.
 *
 * @param {RequestHeaders} headers
 * @returns {string | undefined}
 */
export function recipientIn(headers) {
  // jsdom has Headers of its own, or none.
  const recipient = typeof headers.get === "function" ? headers.get(NAME) : Object(headers)[NAME];
  if (recipient && !/^[\w-]{87}$/.test(recipient)) {
    throw new ConfigError(`the header ${NAME} must come from recipientHeaders()`);
  }
  return recipient || undefined;
}

/**
 * Return the sealed key of a record, base64 of 125 bytes. Like a server's, it opens only in one page, with one token and
 * one proof.
 *
 * @param {string} recipient
 * @param {{token: number, proof: string}} record
 */
export function sealedKey(recipient, { token, proof }) {
  const point = atob(recipient.replace(/-/g, "+").replace(/_/g, "/"));
  return btoa(point + `${token} ${proof}`.slice(0, REST_BYTES).padEnd(REST_BYTES));
}

/** Make the recipient of a test client, with the functions of the real one. */
export function createTestRecipient() {
  let own = newPair();

  /** @param {ParsedRecord} parsed */
  async function unwrap(parsed) {
    if (btoa(String.fromCharCode(.../** @type {Uint8Array} */ (parsed.key))) === sealedKey(own, parsed)) return HANDLE;
    throw new RecordError("the record is sealed to another page, or was changed", { reason: "sealed" });
  }

  return {
    /** @returns {Promise<Record<string, string>>} */
    headers: async () => ({ [NAME]: own }),

    /**
     * @param {ParsedRecord} parsed
     * @returns {ParsedRecord}
     */
    opened(parsed) {
      if (/** @type {Uint8Array} */ (parsed.key).length === KEY_BYTES) return parsed;
      const key = unwrap(parsed);
      // Nothing awaits the key if the load fails earlier.
      key.catch(() => {});
      return { ...parsed, key };
    },

    forget() {
      own = newPair();
    },
  };
}

/** Nothing is decrypted with it. */
const HANDLE = /** @type {CryptoKey} */ ({});
