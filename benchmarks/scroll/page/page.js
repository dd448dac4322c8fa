/** Fills the page in the way that its address names, and scrolls through it for whoever drives the browser. */

import { HEIGHT, layOut, onScreen, WIDTH } from "./grid.js";
import { watchCanvases } from "./canvases.js";
import { summaryOf, watchLongTasks } from "./frames.js";
import { scrollThrough } from "./scroll.js";
import { watchTiles } from "./tiles.js";

const GIVE_UP_MS = 60_000;
const AES_BYTES = 20_000_000;
const REST_MS = 1_000; // for what is stored and let go of behind the pictures

const longTasks = watchLongTasks();
const address = new URLSearchParams(location.search);
// Not if time is taken: it wraps a function of the document.
const canvases = address.has("images") && watchCanvases();
const way = address.get("contestant");
const filling = fill(way === "react" ? "/bundle/react.js" : `./ways/${way}.js`);
globalThis.measure = async (name, wanted) =>
  ({ ready, scroll, decryption, canvasesAlive })[name](await filling, wanted);

async function fill(script) {
  const records = repeated(await (await fetch("/records")).json(), address.get("images"));
  const main = document.querySelector("main");
  layOut(main, records.length);
  const { show } = await import(script);
  await show(main, records, { width: WIDTH, height: HEIGHT });
  const { width } = records[0].variants.thumb;
  const isShown = (tile) => isLoaded(tile.matches("img") ? tile : tile.querySelector("img"), width);
  return { tiles: [...main.children], isShown };
}

/** So many records, if the address says how many: the first ones come again. */
function repeated(records, count) {
  return Array.from({ length: count ?? records.length }, (_, n) => records[n % records.length]);
}

/** Whether the picture itself is there to be painted: its placeholder has another width. */
const isLoaded = ({ complete, naturalWidth }, width) => complete && naturalWidth === width;

/** Wait until every picture on the screen is shown, and the page is at rest. */
async function ready({ tiles, isShown }) {
  const endsAt = performance.now() + GIVE_UP_MS;
  // Not in the task that fills the page, which is measured.
  do {
    if (performance.now() > endsAt) throw new Error("a picture on the screen is not shown");
    await pause(20);
  } while (!onScreen(tiles, scrollY).every(isShown));
  await pause(REST_MS);
}

async function scroll({ tiles, isShown }, { pixelsPerFrame }) {
  const opening_task_ms = longTasks.take().longest_task_ms;
  const seen = watchTiles(isShown);
  const times = await scrollThrough(pixelsPerFrame, (y, now) => seen.look(onScreen(tiles, y), now));
  return { opening_task_ms, ...summaryOf(times), ...longTasks.take(), ...seen.stop() };
}

const canvasesAlive = () => canvases.countAlive();

/** How long AES-256-GCM takes: in software it takes several times as long. */
async function decryption() {
  const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
  const settings = { name: "AES-GCM", iv: new Uint8Array(12) };
  const sealed = await crypto.subtle.encrypt(settings, key, new Uint8Array(AES_BYTES));
  const startedAt = performance.now();
  await crypto.subtle.decrypt(settings, key, sealed);
  return { aes_ms_per_mb: (performance.now() - startedAt) / (AES_BYTES / 1e6) };
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
