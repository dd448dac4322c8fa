/** Offers the client to the tests: they call these functions, the address's query configures it. */

import { cachedImageExists, deleteCachedImage, getImage, initPixstoreFrontend } from "/images/-/client/index.js";

const picture = document.querySelector("#picture");
const cacheErrors = [];

const { authorization, ...config } = Object.fromEntries(new URLSearchParams(location.search));

const plain = (text) => (/^\d+$/.test(text) ? Number(text) : text);

initPixstoreFrontend({
  endpoint: "/images",
  onCacheError: (error) => cacheErrors.push(error.reason),
  ...(authorization && { headers: () => ({ authorization }) }),
  ...Object.fromEntries(Object.entries(config).map(([name, text]) => [name, plain(text)])),
});

async function fetchRecord(id) {
  const response = await fetch(`/pictures/${encodeURIComponent(id)}`);
  return response.json();
}

async function show(record) {
  const blob = await getImage(record);
  await load(picture, URL.createObjectURL(blob));
  return { type: blob.type, width: picture.naturalWidth, sha256: await sha256(blob) };
}

/** Not by decode(): in Firefox it may end while the picture before it is still there. */
const load = (image, src) => new Promise((onload, onerror) => Object.assign(image, { onload, onerror, src }));

async function sha256(blob) {
  const digest = await crypto.subtle.digest("SHA-256", await blob.arrayBuffer());
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** How showing a record fails, and how wide the picture is that stands there all the same. */
async function failure(record) {
  try {
    await show(record);
  } catch ({ name, reason, status }) {
    return { name, reason, status, width: picture.naturalWidth };
  }
  throw new Error("the picture was shown");
}

Object.assign(globalThis, { cachedImageExists, cacheErrors, deleteCachedImage, failure, fetchRecord, show });
