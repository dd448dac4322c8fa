/** The cases that take time. `wanted` says which images; every answer is checked after its time was taken. */

import { countWrong, median, pause, recordsOf, settle } from "./images.js";

/** Wait until the page and its client are loaded and at rest. */
export const ready = () => pause(50);

/** Put images into the contestant's cache. */
export async function keep(contestant, wanted) {
  const { records } = await recordsOf(wanted);
  for (const record of records) await contestant.keep(record);
  await settle(wanted.size);
}

/** Fetch images that nobody has, one after another. The first warms up: it opens the database and the connection. */
export async function cold({ getImage }, wanted) {
  const { records, sha256 } = await recordsOf(wanted);
  const times = [];
  let wrong = 0;
  for (const record of records) {
    const [ms, blob] = await timed(() => getImage(record));
    times.push(ms);
    wrong += await countWrong([blob], sha256);
    await settle(wanted.size);
  }
  return { ms: median(times.slice(1)), wrong };
}

/** Read an image from the cache, for the first time since the page was loaded. */
export async function firstRead({ getCached }, wanted) {
  const { records, sha256 } = await recordsOf(wanted);
  const [ms, blob] = await timed(() => getCached(records[0]));
  return { ms, wrong: await countWrong([blob], sha256) };
}

/** Read one image again and again, and all of its bytes each time. */
export async function hot({ keep, getCached }, wanted) {
  const { records, sha256 } = await recordsOf(wanted);
  await keep(records[0]);
  await settle(wanted.size);
  const readAll = async () => (await getCached(records[0])).arrayBuffer();
  await readAll();
  const [ms] = await timed(async () => {
    for (let count = 0; count < wanted.times; count += 1) await readAll();
  });
  return { ms: ms / wanted.times, wrong: await countWrong([await getCached(records[0])], sha256) };
}

/** Read one image again and again, every byte of it, and after each time a large one. */
export async function hotBeside({ keep, getCached }, wanted) {
  const { records, sha256 } = await recordsOf(wanted);
  const { records: large } = await recordsOf(wanted.beside);
  for (const record of [...large, ...records]) await keep(record);
  await settle(wanted.beside.size);
  const readAll = async () => (await getCached(records[0])).arrayBuffer();
  await readAll();
  const times = [];
  for (const record of large) {
    await getCached(record);
    const [ms] = await timed(readAll);
    times.push(ms);
  }
  return { ms: median(times), wrong: await countWrong([await getCached(records[0])], sha256) };
}

/** Fetch images that nobody has, all at once; one before them opens the database and a connection. */
export async function atOnce({ getImage }, wanted) {
  const { records, sha256 } = await recordsOf(wanted);
  await getImage(records.shift());
  await settle(wanted.size);
  const [ms, blobs] = await timed(() => Promise.all(records.map((record) => getImage(record))));
  return { ms, wrong: await countWrong(blobs, sha256) };
}

/** Read images from the cache, all at once, as the first thing since the page was loaded. */
export async function firstReadAtOnce({ getCached }, wanted) {
  const { records, sha256 } = await recordsOf(wanted);
  const [ms, blobs] = await timed(() => Promise.all(records.map((record) => getCached(record))));
  return { ms, wrong: await countWrong(blobs, sha256) };
}

/** Ask for one image that nobody has by several calls at once; one image before it warms up. */
export async function sameAtOnce({ getImage, isFloor }, wanted) {
  const { records, sha256 } = await recordsOf(wanted);
  await getImage(records[0]);
  await settle(wanted.size);
  const before = await requests();
  const calls = isFloor ? 1 : wanted.calls;
  const [ms, blobs] = await timed(() => Promise.all(Array.from({ length: calls }, () => getImage(records[1]))));
  return { ms, requests: (await requests()) - before, wrong: await countWrong(blobs, sha256) };
}

async function requests() {
  const response = await fetch("/requests");
  return response.json();
}

async function timed(work) {
  const startedAt = performance.now();
  const result = await work();
  return [performance.now() - startedAt, result];
}
