/** The keys derived from a secret (RFC 5869), written anew from docs/wire-format.md. */

import { createHmac } from "node:crypto";

const DOMAIN = "pixstore_asgi/1";

const hmac = (key, ...parts) => parts.reduce((mac, part) => mac.update(part), createHmac("sha256", key)).digest();

/** HKDF-Expand with SHA-256. */
function expand(prk, info, length) {
  const blocks = [];
  for (let index = 1; blocks.length * 32 < length; index += 1) {
    blocks.push(hmac(prk, blocks.at(-1) ?? Buffer.alloc(0), info, Buffer.from([index])));
  }
  return Buffer.concat(blocks).subarray(0, length);
}

/** The keys of one secret for one database with a hexadecimal id. */
export function ringKey(secret, database) {
  const prk = hmac(DOMAIN, Buffer.from(secret, "utf8"));
  const [domain, bound] = [Buffer.from(`${DOMAIN} `), Buffer.from(database, "hex")];
  const derive = (purpose, length) => expand(prk, Buffer.concat([domain, purpose, bound]), length);
  return {
    keyId: derive(Buffer.from("key id"), 4),
    wrapKey: derive(Buffer.from("wrap"), 64),
    proofKey: (window) => derive(Buffer.concat([Buffer.from("proof"), bigEndian(window, 6)]), 32),
  };
}

/** The key of this id among those of some secrets for some databases, or undefined. */
export const findKey = (secrets, databases, keyId) =>
  databases
    .flatMap((database) => secrets.map((secret) => ringKey(secret, database)))
    .find((key) => key.keyId.equals(keyId));

/** A non-negative integer in `size` bytes. */
export const bigEndian = (value, size) => Buffer.from(BigInt(value).toString(16).padStart(size * 2, "0"), "hex");

/** Bytes with their length before them, a u16. */
export const prefixed = (bytes) => Buffer.concat([bigEndian(bytes.length, 2), bytes]);

export { hmac };
