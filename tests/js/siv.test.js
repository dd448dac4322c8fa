import assert from "node:assert/strict";
import { test } from "node:test";

import { sivOpen, sivSeal } from "./support/siv.js";

const hex = (text) => Buffer.from(text, "hex");

test("AES-SIV gives the example of RFC 5297, A.1", () => {
  const key = hex("fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
  const associated = hex("101112131415161718191a1b1c1d1e1f2021222324252627");
  const plaintext = hex("112233445566778899aabbccddee");
  const sealed = hex("85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c");
  assert.deepEqual(sivSeal(key, plaintext, associated), sealed);
  assert.deepEqual(sivOpen(key, sealed, associated), plaintext);
});

test("AES-256-SIV refuses changed input", () => {
  const key = Buffer.alloc(64, 7);
  const sealed = sivSeal(key, Buffer.alloc(32, 1), Buffer.from("row"));
  assert.deepEqual(sivOpen(key, sealed, Buffer.from("row")), Buffer.alloc(32, 1));
  assert.equal(sivOpen(key, sealed, Buffer.from("row2")), undefined);
  sealed[20] ^= 1;
  assert.equal(sivOpen(key, sealed, Buffer.from("row")), undefined);
});
