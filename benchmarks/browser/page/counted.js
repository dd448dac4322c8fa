/** The cases in which something is counted, and those that are measured from outside while the page works. */

import { countWrong, pause, recordsOf, settle } from "./images.js";
import { countReads, countWrites } from "./storage-meter.js";

/** Read one cached image and count what is written for it, also a while later: use may be noted in batches. */
export async function hitWrites({ getCached }, wanted) {
  const { records, sha256 } = await recordsOf(wanted);
  const [written, read] = [countWrites(), countReads()];
  const blob = await getCached(records[0]);
  await pause(wanted.waitMs);
  return { bytes_written: written(), bytes_read: read(), wrong: await countWrong([blob], sha256) };
}

/** Read cached images one after another, and nothing else: whoever drives the browser reads its clock. */
export async function readEach({ getCached }, wanted) {
  for (const record of wanted.records) await getCached(record);
  await settle(wanted.size);
}

/** Fetch images that nobody has, all at once, and hold on to them. */
export async function holdAll({ getImage }, { records, sha256, size }) {
  const blobs = await Promise.all(records.map((record) => getImage(record)));
  await settle(size);
  return { wrong: await countWrong(blobs.slice(0, 1), sha256) };
}

export const records = (_, wanted) => recordsOf(wanted);
