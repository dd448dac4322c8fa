/** What every image is sealed with, in bytes: an AES-256 key, and nonce and tag of GCM. */
export declare const KEY_BYTES = 32;
export declare const IV_BYTES = 12;
export declare const TAG_BYTES = 16;
