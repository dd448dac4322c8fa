import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";
import { decodeWirePayload, encodeWirePayload } from "pixstore/shared/wire-encoder.js";

import { decodePayload, WireError, WireState } from "../../js_client/src/index.js";
import { seal, updatedPayload } from "./support/server.js";

const REASONS = ["empty", "unknown-state", "truncated", "no-ciphertext", "trailing-bytes", "token-range"];

const failsFor = (reason) => (error) => error instanceof WireError && error.reason === reason;

const updated = (token = 7) => updatedPayload({ token, ...seal(Buffer.from("image")) });

test("any bytes decode or raise a WireError with a reason of the list", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (body) => {
      try {
        assert.ok(Object.values(WireState).includes(decodePayload(body).state));
      } catch (error) {
        assert.ok(error instanceof WireError, error);
        assert.ok(REASONS.includes(error.reason));
      }
    }),
  );
});

test("an Updated payload cut at any byte of its head is truncated, and cut right after it has no ciphertext", () => {
  const body = updated();
  for (let length = 1; length < 69; length += 1) {
    assert.throws(() => decodePayload(body.subarray(0, length)), failsFor("truncated"), `${length} bytes`);
  }
  assert.throws(() => decodePayload(body.subarray(0, 69)), failsFor("no-ciphertext"));
});

test("each malformed payload has its reason", () => {
  assert.throws(() => decodePayload(new Uint8Array()), failsFor("empty"));
  assert.throws(() => decodePayload(Uint8Array.of(7)), failsFor("unknown-state"));
  assert.throws(() => decodePayload(Uint8Array.of(255, 1)), failsFor("unknown-state"));
  assert.throws(() => decodePayload(Uint8Array.of(0)), failsFor("no-ciphertext"));
  assert.throws(() => decodePayload(Uint8Array.of(5, 0)), failsFor("trailing-bytes"));
  assert.throws(() => decodePayload(updated(0)), failsFor("token-range"));
  assert.throws(() => decodePayload(updated(2n ** 53n)), failsFor("token-range"));
});

test("the largest token decodes exactly", () => {
  assert.equal(decodePayload(updated(Number.MAX_SAFE_INTEGER)).token, Number.MAX_SAFE_INTEGER);
});

test("a payload that is a view into a larger buffer decodes by its own bounds, without copies", () => {
  const body = updated();
  const larger = new Uint8Array(body.length + 20).fill(9);
  larger.set(body, 10);
  const payload = decodePayload(larger.subarray(10, 10 + body.length));
  assert.deepEqual(payload, decodePayload(body));
  assert.equal(payload.ciphertext.buffer, larger.buffer);
});

test("a payload encoded by the npm package decodes to the same parts", () => {
  const { key, iv, tag, ciphertext } = seal(Buffer.from("image"));
  const [keyText, ivText, tagText] = [key, iv, tag].map((bytes) => bytes.toString("base64"));
  const body = encodeWirePayload({
    state: WireState.Updated,
    token: 1795559342725,
    meta: { key: keyText, iv: ivText, tag: tagText },
    encrypted: ciphertext,
  });
  const theirs = decodeWirePayload(body);
  const ours = decodePayload(body);
  assert.equal(ours.token, theirs.token);
  assert.deepEqual(Buffer.from(ours.key).toString("base64"), theirs.meta.key);
  assert.deepEqual(ours.ciphertext, theirs.encrypted);
});

test("the states are frozen and have the protocol's numbers", () => {
  assert.ok(Object.isFrozen(WireState));
  assert.deepEqual(Object.keys(WireState), [
    "Success", "Updated", "NotFound", "MissingID", "MissingProof", "InvalidProof", "InternalError",
  ]);
  assert.deepEqual(Object.values(WireState), [0, 1, 2, 3, 4, 5, 6]);
});
