/** Probes of a client's behaviour when something goes wrong; page.js runs them. */

import { clients } from "./clients.js";
import { shown, start, until } from "./page.js";

const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("blocked"));
  });

async function readAndCache(used, record) {
  await used.getImage(record);
  if (!(await until(() => used.cachedImageExists(record.id)))) throw new Error("the image was never cached");
}

/** Call `visit(database connection)` for every database. */
async function inDatabases(visit) {
  for (const { name } of await indexedDB.databases()) {
    const connection = await done(indexedDB.open(name));
    await visit(connection);
    connection.close();
  }
}

/** Flip a bit of every image in the storage. */
const flipStored = () =>
  inDatabases(async (connection) => {
    for (const name of connection.objectStoreNames) {
      const store = connection.transaction(name, "readwrite").objectStore(name);
      const [keys, values] = [await done(store.getAllKeys()), await done(store.getAll())];
      for (const [index, value] of values.entries()) {
        const parts = ArrayBuffer.isView(value) ? [value] : Object.values(value);
        const bytes = parts.map(asBytes).find((part) => part?.length > 100);
        if (!bytes) continue;
        bytes[bytes.length - 1] ^= 1;
        await done(store.keyPath ? store.put(value) : store.put(value, keys[index]));
      }
    }
  });

function asBytes(part) {
  if (part instanceof ArrayBuffer) return new Uint8Array(part);
  return ArrayBuffer.isView(part) ? new Uint8Array(part.buffer, part.byteOffset, part.byteLength) : undefined;
}

/** A bit of the cached copy flips; the image is read three times. */
async function corrupted({ client, endpoint, records: [record] }) {
  await readAndCache(start(client, endpoint), record);
  await flipStored();
  // As a page does that is loaded again: nothing is left in memory.
  const used = start(client, endpoint);
  const outcomes = [];
  for (let n = 0; n < 3; n += 1) outcomes.push(await shown(used.getImage(record)));
  return { outcomes, requests: used.requests };
}

/** The image is deleted while it is read from the cache, twenty times. */
async function deletedDuringRead({ client, endpoint, records: [record] }) {
  const used = start(client, endpoint);
  let returned = 0;
  let failed = 0;
  for (let round = 0; round < 20; round += 1) {
    await readAndCache(used, record);
    const reading = shown(used.getImage(record));
    await new Promise((resolve) => setTimeout(resolve, round / 4));
    await used.deleteCachedImage(record.id);
    if ((await reading) === "fails") failed += 1;
    await new Promise((resolve) => setTimeout(resolve, 30));
    if (await used.cachedImageExists(record.id)) returned += 1;
    await used.deleteCachedImage(record.id);
  }
  return { returned, failed };
}

/** Room for some of the images. */
async function quotaExceeded({ client, endpoint, records }) {
  await globalThis.limitStorage(600_000);
  const used = start(client, endpoint);
  const outcomes = [];
  for (const record of records) {
    outcomes.push(await shown(used.getImage(record)));
    await until(() => used.cachedImageExists(record.id), 300);
  }
  const isLastCached = await until(() => used.cachedImageExists(records.at(-1).id), 1000);
  return { shown: outcomes.filter((outcome) => outcome === "shows the image").length, isLastCached };
}

/** Another version of the client's database is opened while the client has it open. */
async function newerDatabase({ client, endpoint, records: [record] }) {
  await readAndCache(start(client, endpoint), record);
  const [{ name, version }] = await indexedDB.databases();
  const opening = done(indexedDB.open(name, version + 1)).then((connection) => {
    connection.close();
    return "opens";
  });
  const waiting = new Promise((resolve) => setTimeout(resolve, 1500, "hangs"));
  return Promise.race([opening.catch(() => "hangs"), waiting]);
}

/** The request of a client with its endpoint given by host and port. */
async function askedUrl({ client, records: [record] }) {
  const { fetch } = globalThis;
  let asked = "";
  globalThis.fetch = async (url) => {
    asked = String(url);
    throw new TypeError("this network is away");
  };
  try {
    clients[client].initPixstoreFrontend({ defaultEndpointConnectHost: "images.test", defaultEndpointConnectPort: 8443 });
    await shown(clients[client].getImage(record));
  } finally {
    globalThis.fetch = fetch;
  }
  return asked;
}

/** Deleting an image that is cached, and deleting it again. */
async function deleteResults({ client, endpoint, records: [record] }) {
  const used = start(client, endpoint);
  await readAndCache(used, record);
  return [String(await used.deleteCachedImage(record.id)), String(await used.deleteCachedImage(record.id))];
}

const inWorker = ({ client, endpoint, records: [record] }) =>
  new Promise((resolve) => {
    const worker = new Worker(new URL("/worker.js", location.href), { type: "module" });
    worker.onerror = ({ message }) => resolve(message);
    worker.onmessage = ({ data }) => resolve(data);
    worker.postMessage({ client, config: {}, endpoint, records: [record] });
  });

const later = (value) => new Promise((resolve) => setTimeout(resolve, 1500, value));

/** Run `work` with another `fetch`. */
async function withFetch(replacement, work) {
  const { fetch } = globalThis;
  globalThis.fetch = replacement(fetch);
  try {
    return await work();
  } finally {
    globalThis.fetch = fetch;
  }
}

/** A fetch that never answers, and that can be aborted. */
const silent = () => (_, { signal } = {}) =>
  new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));

/** Use a client's own fetcher, for the endpoint by host, port and path. */
function startOwn(client, endpoint, config = {}) {
  const { hostname, port, pathname } = new URL(endpoint);
  clients[client].initPixstoreFrontend({
    defaultEndpointConnectHost: hostname,
    defaultEndpointConnectPort: Number(port),
    defaultEndpointRoute: pathname,
    ...config,
  });
  return clients[client];
}

const failureOf = (image) => image.then(() => "shows the image", ({ name }) => `rejects with ${name}`);

/** The server is silent, and the page aborts. */
const aborted = ({ client, endpoint, records: [record] }) =>
  withFetch(silent, () => {
    const controller = new AbortController();
    const image = startOwn(client, endpoint).getImage(record, { signal: controller.signal });
    setTimeout(() => controller.abort(), 50);
    return Promise.race([failureOf(image), later("waits on")]);
  });

/** The server is silent, and the client has a time limit if it knows one. */
const timedOut = ({ client, endpoint, records: [record] }) =>
  withFetch(silent, () => {
    const used = startOwn(client, endpoint, client === "ours" ? { timeoutMs: 300, retries: 0 } : {});
    return Promise.race([failureOf(used.getImage(record)), later("waits on")]);
  });

/** The network fails once. */
function retried({ client, endpoint, records: [record] }) {
  let requests = 0;
  const failing = (fetch) => async (...request) => {
    requests += 1;
    if (requests === 1) throw new TypeError("the network failed");
    return fetch(...request);
  };
  return withFetch(failing, () => shown(startOwn(client, endpoint).getImage(record)));
}

/** A record from before an update is used three times. */
async function oldRecord({ client, endpoint, records: [record] }) {
  const used = start(client, endpoint);
  for (let n = 0; n < 3; n += 1) {
    await used.getImage(record);
    await until(() => used.cachedImageExists(record.id), 500);
  }
  return used.requests;
}

/** Without IndexedDB an image is read three times. */
async function keptInMemory({ client, endpoint, records: [record] }) {
  const used = start(client, endpoint);
  const outcomes = [];
  for (let n = 0; n < 3; n += 1) {
    outcomes.push(await shown(used.getImage(record)));
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { outcomes, requests: used.requests };
}

export const defectProbes = {
  aborted, timedOut, retried, oldRecord, keptInMemory,
  corrupted, deletedDuringRead, quotaExceeded, newerDatabase, askedUrl, deleteResults, inWorker,
};
