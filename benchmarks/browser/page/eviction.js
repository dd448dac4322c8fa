/** One more image beside a full cache: how long the page stands still, and which bytes are read to make room. */

import { countWrong, pause, recordsOf } from "./images.js";
import { countReads } from "./storage-meter.js";

const AT_ONCE = 10;
const GIVE_UP_MS = 20_000;

/** Fetch images until the cache holds `limit`; resolves to the number of the next image that nobody has. */
export async function fill({ getImage }, { size, next, limit, images, waitMs }) {
  let missing = limit - (await settledCount(waitMs / 10));
  while (missing > 0) {
    const first = next % images;
    const count = Math.min(missing, AT_ONCE, images - first);
    const { records } = await recordsOf({ size, first, count });
    await Promise.all(records.map((record) => getImage(record)));
    next += count;
    missing -= count;
    if (missing === 0) missing = limit - (await settledCount(waitMs / 10));
  }
  return next;
}

/** Fetch one more image; `stall_ms` is the longest time for which no timer ran, `idle_ms` the same before it. */
export async function oneMore({ getImage }, wanted) {
  const { records, sha256 } = await recordsOf({ ...wanted, count: 1 });
  const idle = startTicker();
  await pause(wanted.waitMs);
  const idle_ms = idle.stop();
  const ticker = startTicker();
  const startedAt = performance.now();
  const blob = await getImage(records[0]);
  const ms = performance.now() - startedAt;
  await untilAtMost(wanted);
  return { ms, stall_ms: ticker.stop(), idle_ms, wrong: await countWrong([blob], sha256) };
}

/** The same, and which bytes were read meanwhile. */
export async function oneMoreCounted({ getImage }, wanted) {
  const { records } = await recordsOf({ ...wanted, count: 1 });
  const read = countReads();
  await getImage(records[0]);
  await untilAtMost(wanted);
  return { bytes_read: read() };
}

/** Wait until an eviction is over: it may begin and end after the image was delivered. */
async function untilAtMost({ limit, waitMs }) {
  await pause(waitMs / 2);
  const endsAt = performance.now() + GIVE_UP_MS;
  while ((await count()) > limit) {
    if (performance.now() > endsAt) throw new Error("the cache stays above its limit");
    await pause(100);
  }
  await pause(waitMs / 2);
}

/** The number of cached images, when no more come or go. */
async function settledCount(waitMs) {
  let [before, now] = [-1, await count()];
  while (now !== before) {
    await pause(waitMs);
    [before, now] = [now, await count()];
  }
  return now;
}

/** The number of entries in the largest store of the only database here: whatever its layout, that holds the images. */
async function count() {
  const [database] = await indexedDB.databases();
  if (!database) return 0;
  const connection = await done(indexedDB.open(database.name));
  const names = [...connection.objectStoreNames];
  const transaction = names.length ? connection.transaction(names) : undefined;
  const counts = await Promise.all(names.map((name) => done(transaction.objectStore(name).count())));
  connection.close();
  return Math.max(0, ...counts);
}

const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** Ticks by timers, which browsers hold back to one in 4 ms: the gaps say for how long the page could not act. */
function startTicker() {
  let [longest, last, isOn] = [0, performance.now(), true];
  const tick = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    if (isOn) setTimeout(tick, 0);
  };
  tick();
  return {
    stop() {
      isOn = false;
      return longest;
    },
  };
}
