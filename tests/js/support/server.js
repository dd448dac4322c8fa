/** A stub of the server: real encryption and real wire payloads, kept in a Map. */

import { createCipheriv, randomBytes } from "node:crypto";

const PNG = 1;

/** Encrypt an image as the server does. */
export function seal(image, { formatByte = PNG, key = randomBytes(32), iv = randomBytes(12) } = {}) {
  const cipher = createCipheriv("aes-256-gcm", key, iv);
  const ciphertext = Buffer.concat([cipher.update(Buffer.from([formatByte])), cipher.update(image), cipher.final()]);
  return { key, iv, tag: cipher.getAuthTag(), ciphertext };
}

/** Write an Updated payload. */
export function updatedPayload({ token, key, iv, tag, ciphertext }) {
  const head = Buffer.alloc(9);
  head.writeUInt8(1);
  head.writeBigUInt64LE(BigInt(token), 1);
  return new Uint8Array(Buffer.concat([head, key, iv, tag, ciphertext]));
}

/** Write a Success payload. */
export const successPayload = ({ ciphertext }) => new Uint8Array(Buffer.concat([Buffer.from([0]), ciphertext]));

/** A record as the application's API would send it. */
export function recordOf(id, { token, key, iv, tag }, statelessProof = "proof") {
  const [keyText, ivText, tagText] = [key, iv, tag].map((bytes) => bytes.toString("base64"));
  return { id, token, meta: { key: keyText, iv: ivText, tag: tagText }, statelessProof };
}

/** A server with one fetcher; `requests` lists the records it was asked with. */
export function createServer() {
  const versions = new Map();
  const requests = [];
  return {
    requests,

    /** Store a version and return its record. */
    save(id, image, { token = 1, ...sealing } = {}) {
      versions.set(id, { token, ...seal(Buffer.from(image), sealing) });
      return recordOf(id, versions.get(id));
    },

    version: (id) => versions.get(id),

    remove: (id) => versions.delete(id),

    async fetcher(record, context) {
      requests.push({ record, context });
      const version = versions.get(record.id);
      if (!version) return Uint8Array.of(2);
      return version.token === record.token ? successPayload(version) : updatedPayload(version);
    },
  };
}
