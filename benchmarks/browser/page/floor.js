/** What any client must do: fetch, decrypt, make a Blob; or read from IndexedDB, decrypt, make a Blob. Nothing else. */

const STORE = "images";
let opening;

const fromBase64 = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

function open() {
  const request = indexedDB.open("floor");
  request.onupgradeneeded = () => request.result.createObjectStore(STORE);
  return done(request);
}

const store = async (mode) => (await (opening ??= open())).transaction(STORE, mode).objectStore(STORE);

/** The ciphertext, and room for the tag behind it. */
async function download(endpoint, { id, token, statelessProof, meta }) {
  const headers = { "x-pixstore-proof": statelessProof, "x-pixstore-token": String(token) };
  const response = await fetch(`${endpoint}/${encodeURIComponent(id)}`, { headers, cache: "no-store" });
  const body = new Uint8Array(await response.arrayBuffer());
  const tag = fromBase64(meta.tag);
  const sealed = new Uint8Array(body.length - 1 + tag.length);
  sealed.set(body.subarray(1));
  sealed.set(tag, body.length - 1);
  return sealed;
}

async function decrypt(sealed, { meta }) {
  const key = await crypto.subtle.importKey("raw", fromBase64(meta.key), "AES-GCM", false, ["decrypt"]);
  const plain = await crypto.subtle.decrypt({ name: "AES-GCM", iv: fromBase64(meta.iv) }, key, sealed);
  return new Blob([new Uint8Array(plain, 1)], { type: "image/png" });
}

export const fetchPlainly = async (endpoint, record) => decrypt(await download(endpoint, record), record);

export const readPlainly = async (record) => decrypt(await done((await store("readonly")).get(record.id)), record);

export async function keepPlainly(endpoint, record) {
  const sealed = await download(endpoint, record);
  await done((await store("readwrite")).put(sealed, record.id));
}
