import assert from "node:assert/strict";
import { test } from "node:test";

import { decrypt } from "../../js_client/src/decrypt.js";
import { DecryptError, PixstoreError } from "../../js_client/src/index.js";
import { seal } from "./support/server.js";

const failsFor = (reason) => (error) => error instanceof DecryptError && error.reason === reason;

const TYPES = { 1: "image/png", 2: "image/webp", 3: "image/jpeg", 4: "image/jpeg", 5: "image/gif", 6: "image/avif" };

test("every format byte gives its registered type", async () => {
  for (const [formatByte, type] of Object.entries(TYPES)) {
    const { ciphertext, ...meta } = seal(Buffer.from("image"), { formatByte: Number(formatByte) });
    const image = await decrypt(meta, ciphertext);
    assert.equal(image.type, type);
    assert.equal(image.formatByte, Number(formatByte));
    assert.equal(Buffer.from(image.bytes).toString(), "image");
  }
});

test("a changed byte anywhere fails the tag", async () => {
  const { ciphertext, ...meta } = seal(Buffer.from("image"));
  for (const part of [ciphertext, ...Object.values(meta)]) {
    part[0] ^= 1;
    await assert.rejects(decrypt(meta, ciphertext), failsFor("tag"));
    part[0] ^= 1;
  }
  await decrypt(meta, ciphertext);
});

test("an authentic image of an unknown format, or without bytes, has its reason", async () => {
  for (const formatByte of [0, 7, 255]) {
    const { ciphertext, ...meta } = seal(Buffer.alloc(0), { formatByte });
    await assert.rejects(decrypt(meta, ciphertext), failsFor("format-byte"));
  }
  const { ciphertext, ...meta } = seal(Buffer.alloc(0));
  await assert.rejects(decrypt(meta, ciphertext), failsFor("no-image"));
});

test("a page without WebCrypto is told that it needs HTTPS or localhost", async (t) => {
  const original = Object.getOwnPropertyDescriptor(globalThis, "crypto");
  t.after(() => Object.defineProperty(globalThis, "crypto", original));
  const { ciphertext, ...meta } = seal(Buffer.from("image"));
  for (const value of [undefined, {}]) {
    Object.defineProperty(globalThis, "crypto", { value, configurable: true });
    await assert.rejects(decrypt(meta, ciphertext), (error) => {
      return error instanceof PixstoreError && /HTTPS/.test(error.message) && /localhost/.test(error.message);
    });
  }
});
