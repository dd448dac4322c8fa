import assert from "node:assert/strict";

import { decrypt } from "../../js_client/src/decrypt.js";
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
    const { type, bytes } = await decrypt(meta, ciphertext);
    return { mime: type, image: toHex(bytes) };
  } catch (error) {
    assert.ok(error instanceof DecryptError);
    return { failure: error.reason };
  }
}
