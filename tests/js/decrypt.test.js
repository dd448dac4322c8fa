import assert from "node:assert/strict";
import { test } from "node:test";

import { decrypt, decryptBlob, imageIn, imageInBlob } from "../../js_client/src/crypto/decrypt.js";
import { DecryptError, PixstoreError } from "../../js_client/src/index.js";
import { seal } from "./support/server.js";

const failsFor = (reason) => (error) => error instanceof DecryptError && error.reason === reason;

const TYPES = { 1: "image/png", 2: "image/webp", 3: "image/jpeg", 4: "image/jpeg", 5: "image/gif", 6: "image/avif" };

/** Ciphertext and tag in one piece, with key and nonce. */
function sealed(image, options) {
  const { ciphertext, tag, ...key } = seal(Buffer.from(image), options);
  return [key, new Uint8Array(Buffer.concat([ciphertext, tag]))];
}

test("every format byte gives its registered type, read from bytes, from a Blob, or decrypted before", async () => {
  for (const [formatByte, type] of Object.entries(TYPES)) {
    const [key, bytes] = sealed("image", { formatByte: Number(formatByte) });
    const plaintext = await decrypt(key, bytes);
    assert.equal(plaintext[0], Number(formatByte));
    const images = [imageIn(plaintext), await imageInBlob(new Blob([plaintext])), await decryptBlob(new Blob([bytes]), key)];
    for (const image of images) assert.deepEqual([image.type, await image.text()], [type, "image"]);
  }
});

test("a changed byte anywhere fails the tag", async () => {
  const [key, bytes] = sealed("image");
  for (const part of [bytes, bytes.subarray(-1), ...Object.values(key)]) {
    part[0] ^= 1;
    await assert.rejects(decrypt(key, bytes), failsFor("tag"));
    part[0] ^= 1;
  }
  await decrypt(key, bytes);
});

test("an authentic image of an unknown format, or without bytes, has its reason", async () => {
  for (const formatByte of [0, 7, 255]) {
    const [key, bytes] = sealed("", { formatByte });
    await assert.rejects(decryptBlob(new Blob([bytes]), key), failsFor("format-byte"));
  }
  assert.throws(() => imageIn(Uint8Array.of(1)), failsFor("no-image"));
  assert.throws(() => imageIn(new Uint8Array()), failsFor("format-byte"));
});

test("a Blob that the browser can't read any more is a damaged image", async () => {
  const [key] = sealed("image");
  const lost = { arrayBuffer: () => Promise.reject(new DOMException("gone", "NotReadableError")), slice: () => lost };
  await assert.rejects(decryptBlob(lost, key), failsFor("tag"));
  await assert.rejects(imageInBlob(lost), failsFor("tag"));
});

test("of a plaintext that lies in the browser's storage, one byte is read", async (t) => {
  const sizes = [];
  const { arrayBuffer } = Blob.prototype;
  t.mock.method(Blob.prototype, "arrayBuffer", function read() {
    sizes.push(this.size);
    return arrayBuffer.call(this);
  });
  assert.equal((await imageInBlob(new Blob(["\x01image"]))).size, 5);
  assert.deepEqual(sizes, [1]);
});

test("a page without WebCrypto is told that it needs HTTPS or localhost", async (t) => {
  const original = Object.getOwnPropertyDescriptor(globalThis, "crypto");
  t.after(() => Object.defineProperty(globalThis, "crypto", original));
  const [key, bytes] = sealed("image");
  for (const value of [undefined, {}]) {
    Object.defineProperty(globalThis, "crypto", { value, configurable: true });
    await assert.rejects(decrypt(key, bytes), (error) => {
      return error instanceof PixstoreError && /HTTPS/.test(error.message) && /localhost/.test(error.message);
    });
  }
});
