/** Offers both clients and the probes to the tests: every probe examines one client on a fresh page. */

import { clients, fetcherOf, hexDigest, readAll } from "./clients.js";
import { defectProbes } from "./defects.js";

const CACHED_WITHIN_MS = 5000;

/** Whether an image is shown. */
export const shown = (image) => image.then(() => "shows the image", () => "fails");

/** Run a client with a fetcher that is counted, and altered by `alter(number of the request, bytes)`. */
export function start(client, endpoint, config = {}, alter = (_, bytes) => bytes) {
  const { initPixstoreFrontend, ...used } = clients[client];
  const fetchPayload = fetcherOf(endpoint);
  const state = { ...used, requests: 0 };
  initPixstoreFrontend(config, async (record) => {
    const number = (state.requests += 1);
    return alter(number, await fetchPayload(record));
  });
  return state;
}

/** Keep nothing in memory, as npm's client does: it is the storage that is looked at. */
const storageAlone = (client) => (client === "npm" ? {} : { memoryBytes: 0 });

async function cachedOf(records, { cachedImageExists }) {
  const found = await Promise.all(records.map(({ id }) => cachedImageExists(id)));
  return found.filter(Boolean).length;
}

/** Wait until a condition holds; resolves to whether it came to hold. */
export async function until(condition, limitMs = CACHED_WITHIN_MS) {
  const endsAt = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > endsAt) return false;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return true;
}

/** The first response is cut in half; the next call meets an intact network. */
async function truncated({ client, endpoint, records: [record] }) {
  const halved = (number, bytes) => (number === 1 ? bytes.slice(0, bytes.length / 2) : bytes);
  const used = start(client, endpoint, {}, halved);
  const first = await shown(used.getImage(record));
  const second = await shown(used.getImage(record));
  return { first, second, requests: used.requests };
}

/** Read all images with the default configuration; resolves to how many stay cached, when no more come or go. */
async function cacheLimit({ client, endpoint, records }) {
  const used = start(client, endpoint);
  for (const record of records) await used.getImage(record);
  let [before, same] = [-1, 0];
  await until(async () => {
    const now = await cachedOf(records, used);
    same = now === before ? same + 1 : 0;
    before = now;
    return same === 5;
  });
  return before;
}

async function tenCalls({ client, endpoint, records: [record] }) {
  const used = start(client, endpoint);
  await Promise.all(Array.from({ length: 10 }, () => used.getImage(record)));
  return used.requests;
}

/** The image is deleted from the cache while its download is under way. */
async function deletedMeanwhile({ client, endpoint, records: [record] }) {
  let arrive;
  const arrived = new Promise((resolve) => {
    arrive = resolve;
  });
  const used = start(client, endpoint, {}, (_, bytes) => arrived.then(() => bytes));
  const image = used.getImage(record);
  await used.deleteCachedImage(record.id);
  arrive();
  await image;
  return used.cachedImageExists(record.id);
}

/** Counting the cached images fails once; then more images come than fit. */
async function evictsAfterFailure({ client, endpoint, records }) {
  const limit = 3;
  const used = start(client, endpoint, {
    frontendImageCacheLimit: limit, frontendCleanupBatch: 1, ...storageAlone(client),
  });
  const { count } = IDBObjectStore.prototype;
  let failures = 0;
  IDBObjectStore.prototype.count = () => {
    failures += 1;
    throw new DOMException("the disk failed", "UnknownError");
  };
  await used.getImage(records[0]);
  await until(() => failures > 0);
  IDBObjectStore.prototype.count = count;
  for (const record of records.slice(1)) await used.getImage(record);
  const isLastCached = () => used.cachedImageExists(records.at(-1).id);
  if (!(await until(isLastCached))) throw new Error("nothing is cached any more");
  return until(async () => (await cachedOf(records, used)) <= limit, 1000);
}

/** Read an image, let `tests` clear the site's data, and read it again three times. */
async function recoversFromClearing({ client, endpoint, records: [record] }) {
  const used = start(client, endpoint);
  await used.getImage(record);
  await until(() => used.cachedImageExists(record.id));
  await globalThis.clearSiteData();
  const after = [];
  for (let n = 0; n < 3; n += 1) after.push(await shown(used.getImage(record)));
  return after;
}

const withoutIndexedDB = ({ client, endpoint, records: [record] }) =>
  shown(start(client, endpoint).getImage(record));

export const imageBytes = (value) =>
  ArrayBuffer.isView(value)
    ? value.byteLength
    : Object.values(Object(value)).reduce((sum, part) => sum + (ArrayBuffer.isView(part) ? part.byteLength : 0), 0);

/** How often a hit reads the cached image from IndexedDB and writes it back. */
async function hit({ client, endpoint, records: [record] }) {
  const used = start(client, endpoint, storageAlone(client));
  const { size } = await used.getImage(record);
  if (!(await until(() => used.cachedImageExists(record.id)))) throw new Error("the image was never cached");
  const counts = { reads: 0, writes: 0, touches: 0 };
  const { get, put } = IDBObjectStore.prototype;
  IDBObjectStore.prototype.get = function counted(...args) {
    const request = get.apply(this, args);
    request.addEventListener("success", () => {
      if (imageBytes(request.result) >= size) counts.reads += 1;
    });
    return request;
  };
  IDBObjectStore.prototype.put = function counted(value, ...args) {
    counts.touches += 1;
    if (imageBytes(value) >= size) counts.writes += 1;
    return put.call(this, value, ...args);
  };
  await used.getImage(record);
  if (!(await until(() => counts.touches > 0))) throw new Error("the hit was never noted");
  return { reads: counts.reads, writes: counts.writes, requests: used.requests };
}

/** Decode the beginnings of an Updated payload; each gives the error's name or the lengths of iv and tag. */
const decodeCut = ({ client, lengths }) =>
  lengths.map((length) => {
    try {
      const { iv, tag, meta } = clients[client].decode(new Uint8Array(length).fill(1));
      return meta ? { iv: atob(meta.iv).length, tag: atob(meta.tag).length } : { iv: iv.length, tag: tag.length };
    } catch (error) {
      return { error: error.name };
    }
  });

/** Import a client's front end as a plain module, unbundled. */
const importPlain = ({ client }) =>
  import(new URL(`/${client}/frontend/index.js`, location.href).href).then(
    ({ getImage }) => typeof getImage,
    (error) => `${error.name}: ${error.message}`,
  );

/** Read images; each gives its type and the pixels of its frames, as digests. */
async function readFrames({ client, config, records }) {
  const { getImage, initPixstoreFrontend } = clients[client];
  initPixstoreFrontend(config);
  const results = [];
  for (const record of records) results.push(await framesOf(await getImage(record)));
  return results;
}

async function framesOf(blob) {
  const decoder = new ImageDecoder({ data: await blob.arrayBuffer(), type: blob.type });
  await Promise.all([decoder.completed, decoder.tracks.ready]);
  const frames = [];
  for (let frameIndex = 0; frameIndex < decoder.tracks.selectedTrack.frameCount; frameIndex += 1) {
    const { image } = await decoder.decode({ frameIndex });
    const { displayWidth: width, displayHeight: height } = image;
    const canvas = new OffscreenCanvas(width, height).getContext("2d");
    canvas.drawImage(image, 0, 0);
    frames.push(await hexDigest(canvas.getImageData(0, 0, width, height).data));
  }
  return { type: blob.type, frames };
}

const probes = {
  truncated, cacheLimit, tenCalls, deletedMeanwhile, evictsAfterFailure, recoversFromClearing, withoutIndexedDB, hit,
  decodeCut, importPlain, readAll, readFrames, ...defectProbes,
};
globalThis.probe = (name, wanted) => probes[name](wanted);
