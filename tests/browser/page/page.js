/** Offers the client to the tests: they call these functions, the address's query configures it. */

import * as client from "/images/-/client/index.js";

const picture = document.querySelector("#picture");
const cacheErrors = [];

const { authorization, ...config } = Object.fromEntries(new URLSearchParams(location.search));

const plain = (text) => (/^(\d+|true)$/.test(text) ? JSON.parse(text) : text);

client.initPixstoreFrontend({
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
  const blob = await client.getImage(record);
  await load(picture, URL.createObjectURL(blob));
  return { type: blob.type, width: picture.naturalWidth, sha256: await sha256(blob) };
}

/** Show a record; gives its type and, as a digest, the pixels that it has on a canvas. */
async function pixels(record) {
  const { type } = await show(record);
  const { naturalWidth: width, naturalHeight: height } = picture;
  const canvas = new OffscreenCanvas(width, height).getContext("2d");
  canvas.drawImage(picture, 0, 0);
  return { type, width, sha256: await hexDigest(canvas.getImageData(0, 0, width, height).data) };
}

/** Not by decode(): in Firefox it may end while the picture before it is still there. */
const load = (image, src) => new Promise((onload, onerror) => Object.assign(image, { onload, onerror, src }));

const sha256 = async (blob) => hexDigest(await blob.arrayBuffer());

async function hexDigest(data) {
  const digest = await crypto.subtle.digest("SHA-256", data);
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

Object.assign(globalThis, { cacheErrors, client, failure, fetchRecord, pixels, show });
