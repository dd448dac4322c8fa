import assert from "node:assert/strict";

import { verifyProof } from "./support/proof.js";
import { testEach, vectors } from "./support/vectors.js";

testEach(vectors("proof.json", "vectors"), (vector) => {
  assert.deepEqual(verifyProof(vector), vector.failure ? { failure: vector.failure } : vector.result);
});
