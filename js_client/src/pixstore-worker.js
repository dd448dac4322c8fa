/**
 * The worker of crypto/in-worker.js. If an image fails, the page decrypts it again to find the error.
 *
 * The worker makes the final Blob with its type, because slicing one costs the main thread more than the rest of a hit.
 */

import { decryptGcm } from "./crypto/gcm.js";
import { mimeType } from "./format/formats.js";

onmessage = async ({ data: { number, sealed, key, iv } }) => {
  postMessage({ number, image: await imageIn(sealed, { key, iv }).catch(() => undefined) });
};

// Tell the page that the worker is ready.
postMessage({ number: 0 });

/**
 * @param {Blob} sealed
 * @param {import("./crypto/gcm.js").ImageKey} key
 */
async function imageIn(sealed, key) {
  const plaintext = await decryptGcm(key, await sealed.arrayBuffer());
  const type = mimeType(plaintext[0]);
  return type && plaintext.length > 1 ? new Blob([plaintext.subarray(1)], { type }) : undefined;
}
