/**
 * The contestants under one face.
 *
 *     getImage(record)    what a page calls: over the network or from the cache
 *     getCached(record)   the same for an image that is in the cache
 *     keep(record)        put an image into the cache; resolves when it is there
 *
 * npm's client and ours have one function for all three; the floor has no cache to ask before it fetches.
 */

import { fetchPlainly, keepPlainly, readPlainly } from "./floor.js";
import { clientsOf } from "./sealed-records.js";

export const IMAGES = "/pixstore-image";

const CLEANUP_BATCH = 50;
const NO_LIMIT_BYTES = 2 ** 31;

const loaders = {
  ...{ floor, npm, pixstore },
  ...{ sealed: () => clientsOf(["sealed"]), plain: () => clientsOf(["plain"]), both: () => clientsOf(["sealed", "plain"]) },
};

/** Load a contestant whose cache keeps so many images. */
export const load = (name, limit) => loaders[name](limit);

async function pixstore(limit) {
  const { createClient } = await import(`${IMAGES}/-/client/index.js`);
  const config = { endpoint: IMAGES, cacheLimit: limit, cleanupBatch: CLEANUP_BATCH, cacheBytes: NO_LIMIT_BYTES };
  // What the first keeps in memory says nothing of its cache.
  return cachingClient(createClient(config), createClient({ ...config, memoryBytes: 0 }));
}

/** The package ships with `const IS_TEST = true`: these options restore its documented defaults. */
async function npm(limit) {
  const client = await import("/bundle/npm.js");
  const config = {
    frontendDbName: "pixstore",
    frontendImageCacheLimit: limit,
    frontendCleanupBatch: CLEANUP_BATCH,
    errorHandlingMode: "hybrid",
  };
  client.initPixstoreFrontend(config, fetchAsDocumented);
  return cachingClient(client, client);
}

/** A custom fetcher for an endpoint of the page's own origin, as the package's default fetcher does it. */
async function fetchAsDocumented({ id, token, statelessProof }) {
  const response = await fetch(`${IMAGES}/${encodeURIComponent(id)}`, {
    headers: { "x-pixstore-proof": statelessProof, "x-pixstore-token": String(token) },
  });
  if (!response.ok) throw new Error(`status ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

function cachingClient({ getImage }, keeper) {
  return {
    getImage,
    getCached: getImage,
    async keep(record) {
      const image = await keeper.getImage(record);
      const endsAt = performance.now() + 60_000;
      while (!(await keeper.cachedImageExists(record.id))) {
        if (performance.now() > endsAt) throw new Error(`${record.id} never came into the cache`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      return image;
    },
  };
}

function floor() {
  return {
    isFloor: true,
    getImage: (record) => fetchPlainly(IMAGES, record),
    getCached: readPlainly,
    keep: (record) => keepPlainly(IMAGES, record),
  };
}
