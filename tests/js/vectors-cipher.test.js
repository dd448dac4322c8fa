import assert from "node:assert/strict";

import { decrypt, imageIn } from "../../js_client/src/crypto/decrypt.js";
import { DecryptError } from "../../js_client/src/index.js";
import { fromHex, testEach, toHex, vectors } from "./support/vectors.js";
import { openWrap } from "./support/wrap.js";

testEach(vectors("cipher.json", "sealed"), async ({ key, iv, tag, ciphertext, result, failure }) => {
  const meta = { key: fromHex(key), iv: fromHex(iv), tag: fromHex(tag) };
  const expected = failure ? { failure } : { mime: result.mime, image: result.image };
  assert.deepEqual(await outcome(meta, fromHex(ciphertext)), expected);
});

testEach(vectors("cipher.json", "wraps"), (vector) => {
  assert.deepEqual(openWrap(vector), vector.failure ? { failure: vector.failure } : vector.result);
});

async function outcome(meta, ciphertext) {
  try {
    const image = imageIn(await decrypt(meta, Buffer.concat([ciphertext, meta.tag])));
    return { mime: image.type, image: toHex(new Uint8Array(await image.arrayBuffer())) };
  } catch (error) {
    assert.ok(error instanceof DecryptError);
    return { failure: error.reason };
  }
}
