/** What is measured in the page. `wanted` says which images; a wrong image is counted, never measured. */

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Let what a client does behind its answer come to an end: npm's stores the image meanwhile. */
const settle = (size) => pause(30 + size / 20_000);

async function recordsOf({ size, first, count }) {
  const response = await fetch(`/records?${new URLSearchParams({ size, first, count })}`);
  return response.json();
}

async function isWrong(blob, sha256) {
  if (blob?.type !== "image/png") return true;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await blob.arrayBuffer()));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("") !== sha256;
}

async function countWrong(blobs, sha256) {
  const verdicts = await Promise.all(blobs.map((blob) => isWrong(blob, sha256)));
  return verdicts.filter(Boolean).length;
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

export const ready = () => pause(100);

/** Put images into the contestant's cache. */
export async function keep({ keep }, wanted) {
  const { records } = await recordsOf(wanted);
  for (const record of records) await keep(record);
  await settle(wanted.size);
}

/** Fetch images that nobody has, one after another. The first warms up: it opens the database and the connection. */
export async function cold({ getImage }, wanted) {
  const { records, sha256 } = await recordsOf(wanted);
  const times = [];
  let wrong = 0;
  for (const record of records) {
    const startedAt = performance.now();
    const blob = await getImage(record);
    times.push(performance.now() - startedAt);
    wrong += Number(await isWrong(blob, sha256));
    await settle(wanted.size);
  }
  return { ms: median(times.slice(1)), wrong };
}
