import assert from "node:assert/strict";

import { createFetcher } from "../../js_client/src/network/fetch.js";
import { RecordError } from "../../js_client/src/index.js";
import { parseRecord } from "../../js_client/src/format/records.js";
import { stubFetch } from "./support/fetch.js";
import { testEach, vectors } from "./support/vectors.js";

testEach(vectors("record.json", "records"), ({ record, result, failure }) => {
  assert.deepEqual(outcome(record), failure ? { failure } : result);
});

// The requests without a record are for the server alone.
const requests = vectors("record.json", "requests").filter(({ record }) => record !== undefined);

testEach(requests, async ({ record, endpoint, path, headers }) => {
  const calls = await stubFetch(() => new Response(Uint8Array.of(2)), () => createFetcher(endpoint)(record));
  assert.deepEqual(calls.map(({ url, init }) => [url, init.headers]), [[path, headers]]);
});

function outcome(record) {
  try {
    const { id, token } = parseRecord(record);
    return { id, token };
  } catch (error) {
    assert.ok(error instanceof RecordError);
    return { failure: error.reason };
  }
}
