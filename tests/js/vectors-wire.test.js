import assert from "node:assert/strict";

import { decodePayload, WireError } from "../../js_client/src/index.js";
import { fromHex, testEach, toHex, vectors } from "./support/vectors.js";

testEach(vectors("wire.json", "vectors"), ({ body, result, failure }) => {
  assert.deepEqual(outcome(fromHex(body)), failure ? { failure } : { result });
});

function outcome(body) {
  try {
    const parts = Object.entries(decodePayload(body));
    return { result: Object.fromEntries(parts.map(([name, part]) => [name, asJson(part)])) };
  } catch (error) {
    assert.ok(error instanceof WireError);
    return { failure: error.reason };
  }
}

const asJson = (part) => (typeof part === "number" ? part : toHex(part));
