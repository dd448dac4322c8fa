/** What the cases share: records from the site, waiting, and the check of what came. */

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Let what a client does behind its answer come to an end: storing the image, for one. */
export const settle = (size) => pause(20 + size / 20_000);

export const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

/** Fresh records of `count` images of `size` bytes from the `first` on, and the digest that all of them have. */
export async function recordsOf({ size, first, count }) {
  const response = await fetch(`/records?${new URLSearchParams({ size, first, count })}`);
  return response.json();
}

/** How many of these are not the image. */
export async function countWrong(blobs, sha256) {
  const verdicts = await Promise.all(blobs.map((blob) => isWrong(blob, sha256)));
  return verdicts.filter(Boolean).length;
}

async function isWrong(blob, sha256) {
  if (blob?.type !== "image/png") return true;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await blob.arrayBuffer()));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("") !== sha256;
}
