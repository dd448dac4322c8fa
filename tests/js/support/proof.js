/** The stateless proof, verified anew from docs/wire-format.md. */

import { timingSafeEqual } from "node:crypto";

import { bigEndian, findKey, hmac, prefixed } from "./keyring.js";

const HEAD_BYTES = 15;
const EPOCH_AT = 11;

/** Check one vector's proof: {window, expires_at_ms, sealed}, or {failure}. */
export function verifyProof(vector) {
  if (!/^[A-Za-z0-9+/]{48}$/.test(vector.proof)) return { failure: "not-canonical" };
  const raw = Buffer.from(vector.proof, "base64");
  if (raw[0] !== 1 && raw[0] !== 2) return { failure: "version" };
  const key = findKey(vector.secrets, [vector.database], raw.subarray(1, 5));
  if (!key) return { failure: "unknown-key" };
  const window = raw.readUIntBE(5, 6);
  const failure = windowFailure(window, vector) ?? boundFailure(raw, key.proofKey(window), vector);
  return failure ? { failure } : { window, expires_at_ms: (window + 2) * vector.window_ms, sealed: raw[0] === 2 };
}

function windowFailure(window, { now_ms: now, window_ms: length, leeway_ms: leeway }) {
  if (window < Math.floor(now / length) - 1) return "expired";
  return window > Math.floor((now + leeway) / length) ? "not-yet-valid" : undefined;
}

function boundFailure(raw, proofKey, { epoch, ...bound }) {
  const expected = macOf(raw.subarray(0, HEAD_BYTES), proofKey, bound);
  if (!timingSafeEqual(expected, raw.subarray(HEAD_BYTES))) return "mac";
  return raw.readUInt32BE(EPOCH_AT) === epoch ? undefined : "epoch";
}

function macOf(head, proofKey, { image_id: id, token, window_ms: length, audience }) {
  const message = [bigEndian(token, 8), bigEndian(length, 8), prefixed(Buffer.from(id, "ascii")), prefixed(Buffer.from(audience, "utf8"))];
  return hmac(proofKey, head, ...message).subarray(0, 21);
}
