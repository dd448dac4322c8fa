/** The client: from a record to a Blob, out of memory, out of the cache or over the network. */

import { createCache } from "./cache/cache.js";
import { createInWorker } from "./crypto/in-worker.js";
import { ConfigError } from "./errors.js";
import { createDownload } from "./images/download.js";
import { freshRecord } from "./images/fresh-record.js";
import { createGetImage } from "./images/get-image.js";
import { createGetImages } from "./images/get-images.js";
import { createInFlight } from "./images/in-flight.js";
import { createLoad } from "./images/load.js";
import { createMemory } from "./images/memory.js";
import { createObjectUrls } from "./images/object-urls.js";
import { createRemoval } from "./images/removal.js";
import { createReported } from "./images/storage-failures.js";
import { createTabs } from "./images/tabs.js";
import { createCopies } from "./network/copies.js";
import { createRefresh } from "./network/fresh-records.js";
import { createTransport } from "./network/transport.js";
import { callback } from "./options/checks.js";
import { resolveOptions } from "./options/options.js";

/** @import { ImageCache } from "./cache/cache.js" */
/** @import { InWorker } from "./crypto/in-worker.js" */
/** @import { ImageRecord } from "./format/records.js" */
/** @import { ImageResult } from "./images/get-images.js" */
/** @import { ObjectUrl } from "./images/object-urls.js" */
/** @import { Removed } from "./images/removal.js" */
/** @import { Tabs } from "./images/tabs.js" */
/** @import { ImageFetcher } from "./network/request.js" */
/** @import { ImageOptions, PixstoreConfig } from "./options/options.js" */

/**
 * `hits` and `downloads` count what this client has answered; the rest is what is kept now, `images` and `bytes` in
 * IndexedDB.
 *
 * @typedef {{images: number, bytes: number, memoryImages: number, memoryBytes: number, hits: number, downloads: number}} Stats
 */

/**
 * @typedef {object} Client
 * @property {(record: ImageRecord, options?: ImageOptions) => Promise<Blob>} getImage  The image of a record, out of the
 *   cache if this version is there, else over the network. Rejects with ConfigError, RecordError, FetchError,
 *   NotFoundError, RefusedError, ServerError, WireError or DecryptError, with what a fetcher or `refreshRecord` of your
 *   own rejects with, or with the reason of an aborted `signal`.
 * @property {(records: Iterable<ImageRecord>, options?: ImageOptions) => AsyncGenerator<ImageResult, void, void>}
 *   getImages  The images of many records, each as soon as it is ready; one that fails comes as an error and harms no
 *   other. To leave the loop ends what is under way; an aborted `signal` ends both, and the loop throws its reason.
 * @property {(record: ImageRecord, options?: ImageOptions) => Promise<ObjectUrl>} objectUrl  The image of a record as a
 *   `blob:` URL, shared by all who show it and revoked when the last of them has released it. Rejects as getImage.
 * @property {(record: ImageRecord) => ObjectUrl | undefined} peek  The same at once, where the image is in memory.
 * @property {(id: string, context?: unknown) => Promise<ImageRecord>} getRecord  A fresh record of an image or of a
 *   variant, from where the configuration says. Rejects with NotFoundError where there is none, with ConfigError where
 *   the configuration says nothing, RecordError, FetchError, RefusedError, or what a function of your own throws.
 * @property {(listener: (removed: Removed) => void) => () => void} onRemoved  Be told when images must go from the page:
 *   an image was deleted, everything cleared, or memory emptied, in whichever tab. Returns what ends it.
 * @property {(id: string) => Promise<boolean>} deleteCachedImage  Remove an image and its variants, or the one variant
 *   that the id is of, from memory and cache, also in other tabs, and tell whether there was one of them. A download under
 *   way is still delivered, and not kept. Rejects with CacheError where the storage fails, since images may still be
 *   there.
 * @property {() => Promise<void>} clear  Remove every image of this namespace, as at sign-out, also in other tabs. What
 *   is under way ends with an AbortError. Rejects with CacheError where the storage fails, since images may still be
 *   there.
 * @property {(id: string) => Promise<boolean>} cachedImageExists  Tell whether an image is kept, whichever version of it.
 * @property {() => Promise<Stats>} stats  Count what is kept, and what this client has answered.
 * @property {() => void} close  End a client, as where another one replaces it: what is under way and what is asked for
 *   from now on is rejected with an AbortError; images in memory, worker and connection go, cached images stay.
 */

/**
 * Make a client with a state of its own. In a page it opens its storage meanwhile, elsewhere it does nothing before its
 * first call.
 *
 * @param {PixstoreConfig} [config]
 * @param {ImageFetcher} [fetcher]  instead of requests to `config.endpoint`
 * @returns {Readonly<Client>}
 * @throws {ConfigError} for an unknown option or an unusable value
 */
export function createClient(config = {}, fetcher) {
  const options = resolveOptions(config);
  const refreshRecord = createRefresh(options);
  if (fetcher && callback(fetcher)) throw new ConfigError("the fetcher must be a function");
  const reported = createReported(options.onCacheError);
  const cache = createCache(options);
  const memory = createMemory(options.cache === "off" ? 0 : options.memoryBytes);
  const tabs = createTabs(options, (notice) => hear(notice));
  const download = createDownload(createTransport(options, fetcher), createCopies(options), options);
  const inWorker = createInWorker(startWorker);
  const load = createLoad({ kind: options.cache, cache, tabs, download, inWorker, reported });
  const counts = { hits: 0, downloads: 0 };
  const inFlight = createInFlight({ load, memory, counts, timeoutMs: options.timeoutMs });
  const getImage = createGetImage({ refreshRecord, cache, memory, tabs, inFlight, counts });
  const { hear, ...removal } = createRemoval({ cache, memory, inFlight, tabs, reported });

  if (globalThis.document) setTimeout(warmUp, 0, { cache, tabs, inWorker });
  return Object.freeze({
    getImage,
    getImages: createGetImages(getImage),
    getRecord: (/** @type {string} */ id, /** @type {unknown} */ context) => freshRecord(refreshRecord, id, context),
    ...createObjectUrls({ getImage, memory }),
    ...removal,
    close() {
      inFlight.abortAll(new DOMException("the client is closed", "AbortError"), Infinity);
      hear({ type: "emptied" });
      tabs.leave();
      cache.close();
      inWorker.close();
    },
    cachedImageExists: async (/** @type {string} */ id) => memory.has(id) || Boolean(await reported(cache.has(id))),
    stats: async () => ({
      ...((await reported(cache.stats())) ?? { images: 0, bytes: 0 }),
      ...memory.stats(),
      ...counts,
    }),
  });
}

/** The worker lies beside this file, in these sources as in `dist`; bundlers follow this very expression to it. */
const startWorker = () => new Worker(new URL("./pixstore-worker.js", import.meta.url), { type: "module" });

/**
 * While the page asks for its first records, get ready for them.
 *
 * @param {{cache: ImageCache, tabs: Tabs, inWorker: InWorker}} parts
 */
async function warmUp({ cache, tabs, inWorker }) {
  // First, or what they store meanwhile would not be known.
  tabs.join();
  // What is wrong with the storage is told to the first call.
  inWorker.start(await cache.warmUp().catch(() => 0));
}
