import assert from "node:assert/strict";

import { createRecipient } from "../../js_client/src/crypto/recipient.js";
import { parseRecord } from "../../js_client/src/format/records.js";
import { RecordError } from "../../js_client/src/index.js";
import { fromHex, testEach, vectors } from "./support/vectors.js";

const CURVE = { name: "ECDH", namedCurve: "P-256" };

const records = vectors("sealed.json", "records");
const [IMAGE_KEY] = records.flatMap(({ result }) => result?.key ?? []);

testEach(records, async ({ page, record, result, failure }) => {
  assert.deepEqual(await outcome(page, record), failure ? { failure } : result);
});

// The client makes recipients and reads none: each valid text is the one that it makes of its own point.
const texts = vectors("sealed.json", "recipients").filter(({ result }) => result);

testEach(texts, async ({ text, result: { point } }) => {
  const recipient = await recipientOf({ d: "00".repeat(31) + "01", point }, { isOpaque: true });
  assert.deepEqual(await recipient.headers(), { "pixstore-recipient": text });
});

/** The client's recipient with the pair of a vector in place of a new one. */
async function recipientOf({ d, point }, { isOpaque = false } = {}) {
  const { subtle } = crypto;
  const [x, y] = [point.slice(2, 66), point.slice(66)].map((half) => Buffer.from(half, "hex").toString("base64url"));
  const secret = { kty: "EC", crv: "P-256", x, y, d: Buffer.from(d, "hex").toString("base64url") };
  const publicKey = await subtle.importKey("raw", fromHex(point), CURVE, true, []);
  const privateKey = isOpaque ? undefined : await subtle.importKey("jwk", secret, CURVE, false, ["deriveKey"]);
  const { generateKey } = subtle;
  subtle.generateKey = async () => ({ privateKey, publicKey });
  const recipient = createRecipient();
  await recipient.headers();
  subtle.generateKey = generateKey;
  return recipient;
}

async function outcome(page, record) {
  try {
    const recipient = await recipientOf(page);
    const handle = await recipient.opened(parseRecord(record)).key;
    assert.deepEqual([handle.extractable, handle.usages], [false, ["decrypt"]]);
    return { key: (await isOf(handle, IMAGE_KEY)) ? IMAGE_KEY : "another" };
  } catch (error) {
    assert.ok(error instanceof RecordError, error);
    return { failure: error.reason };
  }
}

/** Whether a handle, which can't be exported, is of this key in hex. */
async function isOf(handle, key) {
  const gcm = { name: "AES-GCM", iv: new Uint8Array(12) };
  const known = await crypto.subtle.importKey("raw", fromHex(key), "AES-GCM", false, ["encrypt"]);
  const sealed = await crypto.subtle.encrypt(gcm, known, new Uint8Array(4));
  return crypto.subtle.decrypt(gcm, handle, sealed).then(() => true, () => false);
}
