/** The server's side of sealed records, after docs/wire-format.md, by Node's own primitives. */

import { createCipheriv, createECDH, hkdfSync, randomBytes } from "node:crypto";

import { RecordError } from "../../../js_client/src/errors.js";

export const HEADER = "pixstore-recipient";

/** The header of a client's requests for records. */
export const headerOf = async (client) => (await client.recipientHeaders())[HEADER];

/** Whether an error says that a record is sealed to another page. */
export const isSealed = (error) => error instanceof RecordError && error.reason === "sealed";

const PURPOSE = "pixstore_asgi/1 sealed key";

/**
 * Seal plain records to the page of the header Pixstore-Recipient, as one answer of a server does.
 *
 * @param {string} recipient  the header
 */
export function sealerFor(recipient) {
  const point = Buffer.from(recipient, "base64url");
  const ephemeral = createECDH("prime256v1");
  const own = ephemeral.generateKeys();
  const info = Buffer.concat([Buffer.from(PURPOSE), own, point]);
  const wrappingKey = Buffer.from(hkdfSync("sha256", ephemeral.computeSecret(point), Buffer.alloc(0), info, 32));
  return ({ meta: { key, iv, tag }, ...record }) => {
    const nonce = randomBytes(12);
    const cipher = createCipheriv("aes-256-gcm", wrappingKey, nonce);
    const bytes = (text) => Buffer.from(text, "base64");
    const parts = [PURPOSE, record.id, `${record.token}`, bytes(iv), bytes(tag), record.statelessProof];
    cipher.setAAD(Buffer.concat(parts.map((part) => prefixed(Buffer.from(part)))));
    const sealed = Buffer.concat([own, nonce, cipher.update(bytes(key)), cipher.final(), cipher.getAuthTag()]);
    return { ...record, meta: { sealed: sealed.toString("base64"), iv, tag } };
  };
}

function prefixed(bytes) {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
