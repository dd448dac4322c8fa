/** Pictures by sealed and by plain records. The time runs from the request for the records. */

import { countWrong, median, recordsOf, settle } from "./images.js";

const IMAGES = "/pixstore-image";
const RECORDS = "/fresh";

/** Load a client for each kind of records, "sealed" or "plain", with a cache of its own. */
export async function clientsOf(kinds) {
  const { createClient } = await import(`${IMAGES}/-/client/index.js`);
  const sources = { sealed: { recordsUrl: RECORDS }, plain: { refreshRecords: plainRecords } };
  const clients = kinds.map((kind) => [kind, createClient({ endpoint: IMAGES, databaseName: kind, ...sources[kind] })]);
  return Object.fromEntries(clients);
}

/** Without the header of the client, the records of a RecordsApp are plain. */
async function plainRecords(ids) {
  const response = await fetch(`${RECORDS}?id=${ids.join("&id=")}`, { cache: "no-store" });
  return response.json();
}

/** Show new images one after another, each by both kinds of records in turn. The first image warms up. */
export async function coldByKind(clients, { reads, ...wanted }) {
  const { records, sha256 } = await recordsOf({ ...wanted, count: reads + 1 });
  const visits = { sealed: [], plain: [] };
  for (const [number, { id }] of records.entries()) {
    for (const kind of number % 2 ? ["sealed", "plain"] : ["plain", "sealed"]) {
      visits[kind].push(await visit(clients[kind], kind, [id], sha256));
      await settle(wanted.size);
    }
  }
  return Object.entries(visits).map(([kind, [, ...counted]]) => ({ contestant: kind, ...medians(counted) }));
}

/** Put images into the cache of each client. */
export async function keepByKind(clients, wanted) {
  const { records } = await recordsOf(wanted);
  for (const client of Object.values(clients)) {
    for (const { id } of records) await client.getImage(await client.getRecord(id));
    while ((await client.stats()).images < wanted.count) await settle(0);
  }
  await settle(wanted.size);
}

/** Show cached images at once, as the first thing since the page was loaded. */
export async function reloadByKind(clients, wanted) {
  const { records, sha256 } = await recordsOf(wanted);
  const [[kind, client]] = Object.entries(clients);
  return visit(client, kind, records.map(({ id }) => id), sha256);
}

/** Ask for records and show their images. `image_ms` is the time of the images alone. */
async function visit(client, kind, ids, sha256) {
  const startedAt = performance.now();
  const records = await Promise.all(ids.map((id) => client.getRecord(id)));
  const askedAt = performance.now();
  const blobs = await Promise.all(records.map((record) => client.getImage(record)));
  const endedAt = performance.now();
  const others = records.filter(({ meta }) => "sealed" in meta !== (kind === "sealed"));
  const wrong = others.length + (await countWrong(blobs, sha256));
  return { ms: endedAt - startedAt, image_ms: endedAt - askedAt, wrong };
}

/** The medians of some visits, and the sum of their wrong images. */
const medians = (visits) => ({
  ms: median(visits.map(({ ms }) => ms)),
  image_ms: median(visits.map(({ image_ms }) => image_ms)),
  wrong: visits.reduce((sum, { wrong }) => sum + wrong, 0),
});
