/** The client: from a record to a Blob, out of memory, out of the cache or over the network. */

import { createCache } from "./cache.js";
import { callback } from "./checks.js";
import { createDownload } from "./download.js";
import { CacheError, ConfigError, FetchError } from "./errors.js";
import { createFlights, unlessAborted } from "./flights.js";
import { createLoad } from "./load.js";
import { createMemory } from "./memory.js";
import { createOffload } from "./offload.js";
import { checkedImageOptions, resolveOptions } from "./options.js";
import { parseRecord } from "./records.js";
import { createTabs } from "./tabs.js";
import { createTransport } from "./transport.js";

/** @import { Notice } from "./cache.js" */
/** @import { ImageFetcher } from "./fetcher.js" */
/** @import { Flight } from "./flights.js" */
/** @import { Plan } from "./load.js" */
/** @import { ImageOptions, PixstoreConfig } from "./options.js" */
/** @import { ImageRecord } from "./records.js" */

/** @typedef {{record: ImageRecord, blob: Blob, error?: undefined} | {record: ImageRecord, blob?: undefined, error: unknown}} ImageResult */

/**
 * `hits` and `downloads` count what this client has answered; the rest is what is kept now, `images` and `bytes` in
 * IndexedDB.
 *
 * @typedef {{images: number, bytes: number, memoryImages: number, memoryBytes: number, hits: number, downloads: number}} Stats
 */

/**
 * The image of a record, out of the cache if this version is there, else over the network.
 *
 * Rejects with RecordError, FetchError, NotFoundError, RefusedError, ServerError, WireError or DecryptError, with what a
 * fetcher or `refreshRecord` of your own rejects with, or with the reason of an aborted `signal`.
 *
 * @typedef {(record: ImageRecord, options?: ImageOptions) => Promise<Blob>} GetImage
 */

/**
 * The images of many records, each as soon as it is ready; one that fails comes as an error and harms no other. To
 * leave the loop ends what is under way.
 *
 * @typedef {(records: Iterable<ImageRecord>, options?: ImageOptions) => AsyncGenerator<ImageResult, void, void>} GetImages
 */

/**
 * Remove an image from memory and cache and tell whether there was one, also in other tabs. A download under way is
 * still delivered, and not kept. Rejects with CacheError where the storage fails, since the image may still be there.
 *
 * @typedef {(id: string) => Promise<boolean>} DeleteCachedImage
 */

/**
 * Remove every image of this namespace, as at sign-out, also in other tabs. What is under way ends with an AbortError.
 * Rejects with CacheError where the storage fails, since images may still be there.
 *
 * @typedef {() => Promise<void>} Clear
 */

/**
 * Tell whether an image is kept, whichever version of it.
 *
 * @typedef {(id: string) => Promise<boolean>} CachedImageExists
 */

/**
 * @typedef {object} Client
 * @property {GetImage} getImage
 * @property {GetImages} getImages
 * @property {DeleteCachedImage} deleteCachedImage
 * @property {Clear} clear
 * @property {CachedImageExists} cachedImageExists
 * @property {() => Promise<Stats>} stats
 */

/**
 * Make a client with a state of its own. It does nothing before its first call.
 *
 * @param {PixstoreConfig} [config]
 * @param {ImageFetcher} [fetcher]  instead of requests to `config.endpoint`
 * @returns {Readonly<Client>}
 * @throws {ConfigError} for an unknown option or an unusable value
 */
export function createClient(config = {}, fetcher) {
  const options = resolveOptions(config);
  if (fetcher && callback(fetcher)) throw new ConfigError("the fetcher must be a function");
  const cache = createCache(options);
  const memory = createMemory(options.cache === "off" ? 0 : options.memoryBytes);
  const tabs = createTabs(options, hear);
  const download = createDownload(createTransport(options, fetcher), options.retries);
  const load = createLoad({ kind: options.cache, cache, tabs, download, offload: createOffload(), reported });
  const flights = createFlights(fly);
  const counts = { hits: 0, downloads: 0 };

  /** @type {GetImage} */
  async function getImage(record, imageOptions = {}) {
    const { signal, context, refreshRecord, priority, onProgress } = checkedImageOptions(imageOptions);
    const parsed = parseRecord(record);
    const { id, token } = parsed;
    signal?.throwIfAborted();
    tabs.join();
    const shown = memory.get(id, token);
    if (shown) {
      counts.hits += 1;
      cache.touch(id);
      return shown;
    }
    /** @type {Plan} */
    const plan = {
      ...{ id, token, record, parsed, context },
      refreshRecord: refreshRecord ?? options.refreshRecord,
      priority: priority ?? "auto",
      onProgress: onProgress ?? (() => {}),
      since: cache.stamp(),
    };
    const flight = flights.of(plan);
    try {
      return await flights.board(flight, signal);
    } catch (error) {
      // That one may have failed for its proof, which has expired, or have been aborted through its context.
      const isOwn = flight.parsed.proof === parsed.proof && flight.context === context;
      if (isOwn || signal?.aborted || flight.isVoid) throw error;
      return getImage(record, imageOptions);
    }
  }

  /** @type {GetImages} */
  async function* getImages(records, imageOptions = {}) {
    const { signal } = checkedImageOptions(imageOptions);
    const controller = new AbortController();
    const own = { ...imageOptions, signal: signal ? AbortSignal.any([signal, controller.signal]) : controller.signal };
    /** @type {ImageResult[]} */
    const ready = [];
    let wake = () => {};
    let left = 0;
    for (const record of records) {
      left += 1;
      getImage(record, own)
        .then(
          (blob) => ready.push({ record, blob }),
          (error) => ready.push({ record, error }),
        )
        .then(() => wake());
    }
    try {
      for (; left > 0; left -= 1) {
        if (!ready.length) await new Promise((/** @type {(value?: any) => void} */ resolve) => (wake = resolve));
        yield /** @type {ImageResult} */ (ready.shift());
      }
    } finally {
      controller.abort();
    }
  }

  /**
   * @param {Flight<Plan>} flight
   * @param {AbortSignal} signal
   */
  async function fly(flight, signal) {
    const limit = AbortSignal.timeout(options.timeoutMs);
    const ended = AbortSignal.any([signal, limit]);
    const { image, token, isHit } = await unlessAborted(ended, () => load(flight, ended)).catch((error) => {
      if (!limit.aborted || signal.aborted) throw error;
      throw new FetchError(`the image did not come within ${options.timeoutMs} ms`, { cause: error });
    });
    if (!flight.isVoid) memory.put(flight.id, [flight.token, token], image);
    counts[isHit ? "hits" : "downloads"] += 1;
    return image;
  }

  /** @type {DeleteCachedImage} */
  async function deleteCachedImage(id) {
    tabs.join();
    const wasInMemory = memory.remove(id);
    await flights.void(id);
    const wasStored = await unlessUnavailable(cache.remove(id), false);
    tabs.tell({ type: "deleted", id });
    return wasStored || wasInMemory;
  }

  /** @type {Clear} */
  async function clear() {
    tabs.join();
    memory.clear();
    await flights.abortAll();
    await unlessUnavailable(cache.clear(), undefined);
    tabs.tell({ type: "cleared" });
  }

  /** @param {Notice} notice */
  function hear({ type, id = "" }) {
    cache.noticed({ type, id });
    if (type === "deleted") {
      memory.remove(id);
      flights.void(id);
    } else if (type === "cleared") {
      memory.clear();
      flights.abortAll();
    }
  }

  /** @type {CachedImageExists} */
  const cachedImageExists = async (id) => memory.has(id) || Boolean(await reported(cache.has(id)));

  /** @returns {Promise<Stats>} */
  const stats = async () => ({
    ...((await reported(cache.stats())) ?? { images: 0, bytes: 0 }),
    ...memory.stats(),
    ...counts,
  });

  /**
   * Where there is no storage, nothing is left to remove; any other failure may leave images behind.
   *
   * @template Result
   * @param {Promise<Result>} removal
   * @param {Result} otherwise
   */
  const unlessUnavailable = (removal, otherwise) =>
    removal.catch((error) => {
      if (!(error instanceof CacheError) || error.reason !== "unavailable") throw error;
      report(error);
      return otherwise;
    });

  /**
   * @template Result
   * @param {Promise<Result>} storage
   * @returns {Promise<Result | undefined>}
   */
  function reported(storage) {
    return storage.catch((error) => {
      report(error);
      return undefined;
    });
  }

  /** @param {CacheError} error */
  function report(error) {
    // In a task of its own, so that a callback that throws is the page's error and breaks no image.
    queueMicrotask(() => options.onCacheError(error));
  }

  return Object.freeze({ getImage, getImages, deleteCachedImage, clear, cachedImageExists, stats });
}
