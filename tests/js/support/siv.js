/** AES-SIV with one string of associated data (RFC 5297), over node:crypto's AES in ECB and CTR mode. */

import { createCipheriv, timingSafeEqual } from "node:crypto";

const BLOCK = 16;

/** Decrypt, or return undefined where the synthetic IV doesn't fit. */
export function sivOpen(key, sealed, associated) {
  if (sealed.length < BLOCK) return undefined;
  const [macKey, encryptionKey] = halves(key);
  const iv = sealed.subarray(0, BLOCK);
  const plaintext = ctr(encryptionKey, iv, sealed.subarray(BLOCK));
  return timingSafeEqual(s2v(macKey, associated, plaintext), iv) ? plaintext : undefined;
}

/** Encrypt: synthetic IV, then the ciphertext. */
export function sivSeal(key, plaintext, associated) {
  const [macKey, encryptionKey] = halves(key);
  const iv = s2v(macKey, associated, plaintext);
  return Buffer.concat([iv, ctr(encryptionKey, iv, plaintext)]);
}

const halves = (key) => [key.subarray(0, key.length / 2), key.subarray(key.length / 2)];

/** RFC 5297, 2.4: one component of associated data, and the plaintext. */
function s2v(key, associated, plaintext) {
  const digest = xor(double(cmac(key, Buffer.alloc(BLOCK))), cmac(key, associated));
  if (plaintext.length < BLOCK) return cmac(key, xor(double(digest), padded(plaintext)));
  const start = plaintext.length - BLOCK;
  return cmac(key, Buffer.concat([plaintext.subarray(0, start), xor(plaintext.subarray(start), digest)]));
}

/** RFC 5297, 2.5: counter mode, with two bits of the first counter cleared. */
function ctr(key, iv, data) {
  const counter = Buffer.from(iv);
  counter[8] &= 0x7f;
  counter[12] &= 0x7f;
  const cipher = createCipheriv(`aes-${key.length * 8}-ctr`, key, counter);
  return Buffer.concat([cipher.update(data), cipher.final()]);
}

/** AES-CMAC (RFC 4493). */
function cmac(key, message) {
  const subkey = double(encryptBlock(key, Buffer.alloc(BLOCK)));
  const lastAt = Math.max(Math.ceil(message.length / BLOCK) - 1, 0) * BLOCK;
  const tail = message.subarray(lastAt);
  const last = tail.length === BLOCK ? xor(tail, subkey) : xor(padded(tail), double(subkey));
  let state = Buffer.alloc(BLOCK);
  for (let at = 0; at < lastAt; at += BLOCK) state = encryptBlock(key, xor(state, message.subarray(at, at + BLOCK)));
  return encryptBlock(key, xor(state, last));
}

function encryptBlock(key, block) {
  const cipher = createCipheriv(`aes-${key.length * 8}-ecb`, key, null).setAutoPadding(false);
  return Buffer.concat([cipher.update(block), cipher.final()]);
}

/** Multiply by x in GF(2^128). */
function double(block) {
  const doubled = Buffer.from(block.map((byte, index) => (byte << 1) | ((block[index + 1] ?? 0) >> 7)));
  if (block[0] & 0x80) doubled[BLOCK - 1] ^= 0x87;
  return doubled;
}

const xor = (left, right) => Buffer.from(left.map((byte, index) => byte ^ right[index]));

const padded = (bytes) => Buffer.concat([bytes, Buffer.from([0x80]), Buffer.alloc(BLOCK - bytes.length - 1)]);
