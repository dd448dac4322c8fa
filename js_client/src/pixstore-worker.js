/** The worker of offload.js. An image that fails is left to the page, which finds out why. */

import { decryptGcm } from "./gcm.js";

onmessage = async ({ data: { number, sealed, key, iv } }) => {
  postMessage({ number, plaintext: await decrypted(sealed, { key, iv }).catch(() => undefined) });
};

// It is ready.
postMessage({ number: 0 });

/**
 * @param {Blob} sealed
 * @param {import("./gcm.js").ImageKey} key
 */
async function decrypted(sealed, key) {
  return new Blob([await decryptGcm(key, await sealed.arrayBuffer())]);
}
