/** A client: turns a record into a Blob, from memory, from the cache or over the network. */

import { createCache } from "./cache/cache.js";
import { createInWorker } from "./crypto/in-worker.js";
import { createRecipient, generate } from "./crypto/recipient.js";
import { ConfigError } from "./errors.js";
import { createDownload } from "./images/download.js";
import { createRefresh, freshRecord } from "./images/fresh-records.js";
import { createGetImage, createGetImages } from "./images/get-image.js";
import { createInFlight } from "./images/in-flight.js";
import { createLoad } from "./images/load.js";
import { createMemory } from "./images/memory.js";
import { createObjectUrls } from "./images/object-urls.js";
import { createRemoval } from "./images/removal.js";
import { createReported } from "./images/storage-failures.js";
import { createTabs } from "./images/tabs.js";
import { createCopies } from "./network/copies.js";
import { createTransport } from "./network/transport.js";
import { callback } from "./options/checks.js";
import { resolveOptions } from "./options/options.js";

/** @import { Pair, Recipient } from "./crypto/recipient.js" */
/** @import { ImageRecord } from "./format/records.js" */
/** @import { ImageResult } from "./images/get-image.js" */
/** @import { ObjectUrl } from "./images/object-urls.js" */
/** @import { Removed } from "./images/removal.js" */
/** @import { ImageFetcher } from "./network/fetch.js" */
/** @import { ImageOptions, Options, PixstoreConfig, RefreshRecord } from "./options/options.js" */

/**
 * `images` and `bytes` are in IndexedDB now, `memoryImages` and `memoryBytes` in memory. `hits` and `downloads` count
 * the answers of this client.
 *
 * @typedef {{images: number, bytes: number, memoryImages: number, memoryBytes: number, hits: number, downloads: number}} Stats
 */

/**
 * @typedef {object} Client
 * @property {(record: ImageRecord, options?: ImageOptions) => Promise<Blob>} getImage  Get the image of a record: from
 *   the cache if this version is there, otherwise over the network. Rejects with ConfigError, RecordError, FetchError,
 *   NotFoundError, RefusedError, ServerError, WireError or DecryptError, with the error of a custom fetcher or
 *   `refreshRecord`, or with the reason of an aborted `signal`.
 * @property {(records: Iterable<ImageRecord>, options?: ImageOptions) => AsyncGenerator<ImageResult, void, void>}
 *   getImages  Get the images of many records, each as soon as it is ready. An image that fails is yielded as an error
 *   and does not stop the others. Leaving the loop aborts the remaining images. If `signal` is aborted, the loop throws
 *   its reason.
 * @property {(record: ImageRecord, options?: ImageOptions) => Promise<ObjectUrl>} objectUrl  Get the image of a record
 *   as a `blob:` URL. All holders share the URL; it is revoked when the last of them has released it. Rejects as
 *   getImage.
 * @property {(record: ImageRecord) => ObjectUrl | undefined} peek  Return the `blob:` URL of an image that is in
 *   memory, otherwise undefined.
 * @property {(id: string, context?: unknown) => Promise<ImageRecord>} getRecord  Fetch a fresh record of an image or a
 *   variant from the source that the configuration names. Rejects with NotFoundError if there is no such image, with
 *   ConfigError if no source is configured, with RecordError, FetchError, RefusedError, or the error of your own
 *   function.
 * @property {() => Promise<Record<string, string>>} recipientHeaders  Return the headers of your own request for records.
 *   The server then seals the records to this client, or with `keyPair: "stored"` to all clients of its namespace in this
 *   browser: no other client can open them. Without WebCrypto there are none.
 * @property {(listener: (removed: Removed) => void) => () => void} onRemoved  Call the listener when images must
 *   disappear from the page: an image was deleted, everything was cleared, or memory was emptied, in any tab. Returns a
 *   function that removes the listener.
 * @property {(id: string) => Promise<boolean>} deleteCachedImage  Remove an image and its variants, or one variant,
 *   from memory and cache, in all tabs. Resolves to whether there was any. A download under way is still delivered, but
 *   not kept. Rejects with CacheError if the storage fails, because the image may still be stored.
 * @property {() => Promise<void>} clear  Remove every image of this namespace, in all tabs, as at sign-out. Loads under
 *   way reject with an AbortError. Rejects with CacheError if the storage fails, because images may still be stored.
 * @property {(id: string) => Promise<boolean>} cachedImageExists  Resolve to whether any version of an image is cached.
 * @property {() => Promise<Stats>} stats  Count the cached images and the answers of this client.
 * @property {() => void} close  Close the client. Loads under way and later calls reject with an AbortError. Memory,
 *   worker and connection are released; cached images stay.
 */

/**
 * Make a client with its own cache connection, memory and counters. In a page it opens the storage in advance;
 * elsewhere it does nothing before its first call.
 *
 * @param {PixstoreConfig} [config]
 * @param {ImageFetcher} [fetcher]  replaces requests to `config.endpoint`
 * @returns {Readonly<Client>}
 * @throws {ConfigError} for an unknown option or an unusable value
 */
export function createClient(config = {}, fetcher) {
  const options = resolveOptions(config);
  const recipient = createRecipient();
  const refreshRecord = createRefresh(options, recipient);
  if (fetcher && callback(fetcher)) throw new ConfigError("the fetcher must be a function");
  const download = createDownload(createTransport(options, fetcher), createCopies(options), options);
  return joined(options, recipient, refreshRecord, download);
}

/**
 * Join the parts of a client.
 *
 * @param {Readonly<Options>} options
 * @param {Recipient} recipient
 * @param {RefreshRecord | undefined} refreshRecord
 * @param {ReturnType<typeof createDownload>} download
 * @param {typeof createTabs} [tabsOf]
 * @returns {Readonly<Client>}
 */
export function joined(options, recipient, refreshRecord, download, tabsOf = createTabs) {
  const cache = createCache(options);
  const memory = createMemory(options.cache === "off" ? 0 : options.memoryBytes);
  const tabs = tabsOf(options, (notice) => hear(notice));
  const inWorker = createInWorker(options.worker ?? startWorker);
  const reported = createReported(options.onCacheError);
  const counts = { hits: 0, downloads: 0 };
  const parts = { options, recipient, refreshRecord, download, cache, memory, tabs, inWorker, reported, counts };
  const inFlight = createInFlight({ ...parts, load: createLoad(parts) });
  const { hear, ...removal } = createRemoval({ ...parts, inFlight });
  const online = {
    getImage: createGetImage({ ...parts, inFlight }),
    getRecord: (/** @type {string} */ id, /** @type {unknown} */ context) => freshRecord(refreshRecord, id, context),
  };

  /**
   * With `offline`, wait until the client is extended: the extension replaces these functions. A call that waits ends by
   * clear(), too.
   *
   * @template {keyof typeof online} Name
   * @param {Name} name
   * @returns {typeof online[Name]}
   */
  const onceExtended = (name) =>
    options.offline
      ? /** @type {any} */ (
          async (/** @type {any} */ given, /** @type {any} */ more, asked = inFlight.count()) => (
            await recipient.headers(),
            online[name](given, more, asked)
          )
        )
      : online[name];
  const getImage = onceExtended("getImage");

  const hasStoredPair = options.offline || options.keyPair === "stored";
  if (hasStoredPair) {
    /** @type {Promise<() => Promise<Pair>> | undefined} */
    let extended;
    // If the file can't be loaded, which browsers log, the pair is in memory.
    recipient.find = async () =>
      (
        await (extended ??= import("./stored/index.js").then(
          ({ extend }) => extend(parts, removal, generate, online),
          () => generate,
        ))
      )();
  }

  // Open the storage while the page requests its first records.
  async function warmUp() {
    // Join first, so that no message of another tab is missed while the cache is read.
    tabs.join();
    if (hasStoredPair) recipient.headers();
    // A storage failure is reported by the first call instead.
    inWorker.start(await cache.warmUp().catch(() => undefined));
  }

  if (globalThis.document) setTimeout(warmUp);
  return Object.freeze({
    getImage,
    getImages: createGetImages(getImage),
    getRecord: onceExtended("getRecord"),
    recipientHeaders: recipient.headers,
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
      images: 0,
      bytes: 0,
      ...(await reported(cache.stats())),
      ...memory.stats(),
      ...counts,
    }),
  });
}

/** The worker's file lies beside this one, in `src` and in `dist`. Bundlers recognise exactly this expression. */
const startWorker = () => new Worker(new URL("./pixstore-worker.js", import.meta.url), { type: "module" });
