/** A page of pictures, each painted as its ThumbHash first: `measure("show", …)` tells when. */

import { createClient } from "/pixstore-image/-/client/index.js";
import { thumbHashToDataURL } from "/thumbhash/thumbhash.js";

const ENDPOINT = "/pixstore-image";
const GIVE_UP_MS = 60_000;

globalThis.measure = async (name, wanted) => ({ ready, show })[name](wanted);

const ready = () => pause(50);

/**
 * Show the thumbnails or the originals of all photos, asked for by batches or one by one. Times are in seconds, from
 * when the records were asked for to when the browser had painted it (Element Timing, WICG); bytes are those of bodies.
 */
async function show({ kind, way }) {
  const client = createClient({ endpoint: ENDPOINT }, way === "singles" ? fetchAlone : undefined);
  const painted = { placeholder: [], picture: [] };
  new PerformanceObserver((list) => {
    for (const { identifier, renderTime } of list.getEntries()) painted[identifier]?.push(renderTime);
  }).observe({ type: "element" });
  const startedAt = performance.now();
  const records = await (await fetch("/records")).json();
  const tiles = records.map(addTile);
  const verdicts = await Promise.all(
    records.map(async (record, index) => {
      const image = kind === "thumbs" ? record.variants.thumb : record;
      const url = URL.createObjectURL(await client.getImage(image));
      const { naturalWidth } = await addPicture(tiles[index], "picture", url);
      URL.revokeObjectURL(url);
      return naturalWidth !== image.width;
    }),
  );
  await untilFull(painted, records.length);
  const { placeholder, picture } = painted;
  const since = (time) => (time - startedAt) / 1000;
  return {
    placeholder_s: since(Math.min(...placeholder)),
    first_s: since(Math.min(...picture)),
    seconds: since(Math.max(...picture)),
    record_bytes: bodyBytes("/records"),
    image_bytes: bodyBytes(`${ENDPOINT}/`),
    wrong: verdicts.filter(Boolean).length,
  };
}

function addTile({ placeholder }) {
  const tile = document.querySelector("main").appendChild(document.createElement("div"));
  addPicture(tile, "placeholder", thumbHashToDataURL(Uint8Array.fromBase64(placeholder)));
  return tile;
}

/** Add a picture once it has loaded. */
async function addPicture(tile, name, url) {
  const picture = new Image();
  picture.setAttribute("elementtiming", name);
  picture.src = url;
  await new Promise((resolve, reject) => {
    picture.onload = resolve;
    picture.onerror = () => reject(new Error(`a ${name} can't be shown`));
  });
  return tile.appendChild(picture);
}

/** A fetcher of the page's own gets one image a request, whatever the endpoint takes. */
async function fetchAlone({ id, token, statelessProof }) {
  const headers = { "x-pixstore-proof": statelessProof, "x-pixstore-token": String(token) };
  const response = await fetch(`${ENDPOINT}/${encodeURIComponent(id)}`, { headers });
  return new Uint8Array(await response.arrayBuffer());
}

const bodyBytes = (path) =>
  performance
    .getEntriesByType("resource")
    .filter(({ name }) => new URL(name).pathname.startsWith(path) && !name.includes("/-/client"))
    .reduce((total, { encodedBodySize }) => total + encodedBodySize, 0);

/**
 * Wait until each list has so many. Of what is painted in the moment in which it has loaded Chromium tells only when it
 * is painted again.
 */
async function untilFull(lists, count) {
  const endsAt = performance.now() + GIVE_UP_MS;
  const lengths = () => Object.values(lists).map(({ length }) => length);
  while (Math.min(...lengths()) < count) {
    if (performance.now() > endsAt) throw new Error(`painted were only ${lengths()} of ${count}`);
    document.querySelector("main").classList.toggle("again");
    await pause(10);
  }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
