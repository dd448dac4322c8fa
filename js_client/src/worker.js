/** The worker of offload.js. An image that fails is left to the page, which finds out why. */

import { decryptBlob } from "./decrypt.js";

onmessage = async ({ data: { number, sealed, key, iv } }) => {
  const image = await decryptBlob(sealed, { key, iv }).catch(() => undefined);
  postMessage({ number, image });
};
