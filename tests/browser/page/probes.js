/** Actions of the tests in the page without the client's knowledge. */

const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("another connection stays open"));
  });

/** Run one request on a store of a database; a new database gets this store alone. */
async function inDatabase(name, store, work) {
  const opening = indexedDB.open(name);
  opening.onupgradeneeded = () => opening.result.createObjectStore(store);
  const connection = await done(opening);
  const transaction = connection.transaction(store, "readwrite");
  const completed = new Promise((resolve) => {
    transaction.oncomplete = resolve;
  });
  const result = await done(work(transaction.objectStore(store)));
  await completed;
  connection.close();
  return result;
}

const databaseNames = async () => (await indexedDB.databases()).map(({ name }) => name).sort();

const deleteDatabase = (name) => done(indexedDB.deleteDatabase(name)).then(() => true);

const keep = (name, value) => inDatabase(name, "kept", (kept) => kept.put(value, "here"));

const kept = (name) => inDatabase(name, "kept", (kept) => kept.get("here"));

/** Gather all that a script of this origin can read, as base64 by the place. */
async function everythingStored() {
  const places = { HTML: [document.documentElement.outerHTML], localStorage: Object.values(localStorage), IndexedDB: [] };
  for (const name of await databaseNames()) {
    const connection = await done(indexedDB.open(name));
    for (const store of connection.objectStoreNames) {
      places.IndexedDB.push(...parts(await done(connection.transaction(store).objectStore(store).getAll())));
    }
    connection.close();
  }
  const stored = (await caches.keys()).map(async (name) => {
    const cache = await caches.open(name);
    const answers = (await cache.keys()).map(async (request) => (await cache.match(request)).blob());
    return Promise.all(answers);
  });
  places["Cache Storage"] = (await Promise.all(stored)).flat();
  const texts = Object.entries(places).map(async ([place, pieces]) => [place, await base64(new Blob(pieces))]);
  return Object.fromEntries(await Promise.all(texts));
}

/** Take a value apart into texts and bytes. */
function parts(value) {
  const isWhole = Object(value) !== value || value instanceof Blob || ArrayBuffer.isView(value);
  return isWhole ? [value] : Object.values(value).flatMap(parts);
}

async function base64(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

/** The client stores an image after it was delivered: wait until this version is there. */
async function untilCached({ id, token }) {
  const endsAt = performance.now() + 10_000;
  while ((await inDatabase("pixstore-asgi", "entries", (store) => store.get(["", id])))?.token !== token) {
    if (performance.now() > endsAt) throw new Error(`${id} never came into the cache`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function flipCachedBit(id) {
  const stored = await inDatabase("pixstore-asgi", "bytes", (store) => store.get(["", id]));
  stored.image[stored.image.length - 1] ^= 1;
  await inDatabase("pixstore-asgi", "bytes", (store) => store.put(stored, ["", id]));
}

/** Fetch a payload without the client, in a way that lets the browser cache it; resolves to its length. */
async function fetchPlainly({ id, token, statelessProof }) {
  const headers = { "x-pixstore-proof": statelessProof, "x-pixstore-token": String(token) };
  const response = await fetch(`/images/${encodeURIComponent(id)}`, { headers });
  return (await response.arrayBuffer()).byteLength;
}

const fetchStorable = (hex) =>
  fetch(`/storable?hex=${hex}`)
    .then((response) => response.arrayBuffer())
    .then(({ byteLength }) => byteLength);

const getInWorker = (record) =>
  new Promise((resolve, reject) => {
    const worker = new Worker("worker.js", { type: "module" });
    worker.onerror = reject;
    worker.onmessage = ({ data: blob }) => resolve([blob.type, blob.size]);
    worker.postMessage(record);
  });

/** Ask the service worker for an image; undefined where the browser takes no module as one. */
async function getInServiceWorker(record) {
  try {
    await navigator.serviceWorker.register("service-worker.js", { type: "module" });
  } catch {
    return undefined;
  }
  const { active } = await navigator.serviceWorker.ready;
  const { port1, port2 } = new MessageChannel();
  const answered = new Promise((resolve) => {
    port1.onmessage = ({ data }) => resolve(data);
  });
  active.postMessage(record, [port2]);
  return answered;
}

Object.assign(globalThis, {
  databaseNames,
  deleteDatabase,
  everythingStored,
  fetchPlainly,
  fetchStorable,
  flipCachedBit,
  getInServiceWorker,
  getInWorker,
  keep,
  kept,
  untilCached,
});
