/** What every image is sealed with, in bytes: an AES-256 key, and nonce and tag of GCM. */

export const KEY_BYTES = 32;
export const IV_BYTES = 12;
export const TAG_BYTES = 16;
