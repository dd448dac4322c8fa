/** The client: from a record to a Blob, out of the cache or over the network. */

import { createCache } from "./cache.js";
import { callback } from "./checks.js";
import { decrypt, readPlaintext } from "./decrypt.js";
import { download } from "./download.js";
import { CacheError, DecryptError } from "./errors.js";
import { createFetcher } from "./fetcher.js";
import { createFlights } from "./flights.js";
import { resolveOptions } from "./options.js";
import { parseRecord } from "./records.js";

/** @import { Image } from "./decrypt.js" */
/** @import { ImageFetcher } from "./fetcher.js" */
/** @import { Flight } from "./flights.js" */
/** @import { PixstoreConfig } from "./options.js" */
/** @import { ImageRecord, ParsedRecord } from "./records.js" */

/**
 * The image of a record, out of the cache if this version is there, else over the network; `context` is handed to the
 * fetcher. Rejects with RecordError, FetchError, WireError, StateError or DecryptError, or with what a fetcher of your
 * own rejects with.
 *
 * @typedef {(record: ImageRecord, context?: unknown) => Promise<Blob>} GetImage
 */

/**
 * Remove an image from the cache and tell whether there was one. A download under way is still delivered, and not
 * cached. Rejects with CacheError where the storage fails, since the image may still be there.
 *
 * @typedef {(id: string) => Promise<boolean>} DeleteCachedImage
 */

/**
 * Remove every image from the cache, as at sign-out. Downloads under way are still delivered, and not cached. Rejects
 * with CacheError where the storage fails, since images may still be there.
 *
 * @typedef {() => Promise<void>} Clear
 */

/**
 * Tell whether an image is cached, whichever version of it.
 *
 * @typedef {(id: string) => Promise<boolean>} CachedImageExists
 */

/**
 * @typedef {object} Client
 * @property {GetImage} getImage
 * @property {DeleteCachedImage} deleteCachedImage
 * @property {Clear} clear
 * @property {CachedImageExists} cachedImageExists
 */

/**
 * Make a client with a state of its own. It does nothing before its first call.
 *
 * @param {PixstoreConfig} [config]
 * @param {ImageFetcher} [fetcher]  instead of a GET to `config.endpoint`
 * @returns {Readonly<Client>}
 * @throws {ConfigError} for an unknown option or an unusable value
 */
export function createClient(config = {}, fetcher) {
  const options = resolveOptions(config);
  const fetchPayload = callback("the fetcher", fetcher ?? createFetcher(options.endpoint));
  const cache = createCache(options);
  const flights = createFlights();
  const keepsDecrypted = options.cache === "decrypted";

  /** @type {GetImage} */
  async function getImage(record, context) {
    const parsed = parseRecord(record);
    const { id, token, proof } = parsed;
    const flight = flights.find(parsed);
    if (!flight) return flights.start({ id, token, proof, context }, (own) => load(own, record, parsed)).image;
    try {
      return await flight.image;
    } catch (error) {
      // That one may have failed for its proof, which has expired, or have been aborted through its context.
      if (flight.proof === proof && flight.context === context) throw error;
      return getImage(record, context);
    }
  }

  /**
   * @param {Flight} flight
   * @param {ImageRecord} record
   * @param {ParsedRecord} parsed
   */
  async function load(flight, record, parsed) {
    const cached = await fromCache(parsed);
    if (cached) {
      flights.end(flight);
      reported(cache.touch(parsed.id), undefined);
      return toBlob(cached);
    }
    const { token, ciphertext, image } = await download(fetchPayload, record, parsed, flight.context);
    // Stored only now that it is verified, and without making the caller wait.
    flight.stored = store(flight, token, keepsDecrypted ? image.plaintext : ciphertext);
    return toBlob(image);
  }

  /**
   * @param {Flight} flight
   * @param {number} token
   * @param {Uint8Array} bytes
   */
  async function store(flight, token, bytes) {
    if (!flight.isVoid) await reported(cache.write(flight.id, token, bytes), undefined);
    flights.end(flight);
  }

  /** @param {ParsedRecord} parsed */
  async function fromCache(parsed) {
    const stored = await reported(cache.read(parsed.id, parsed.token), undefined);
    if (!stored) return undefined;
    try {
      return keepsDecrypted ? readPlaintext(stored) : await decrypt(parsed, stored);
    } catch (error) {
      if (!(error instanceof DecryptError)) throw error;
      await reported(cache.drop(parsed.id, parsed.token), undefined);
      return undefined;
    }
  }

  /** @type {DeleteCachedImage} */
  async function deleteCachedImage(id) {
    await flights.voidAll(id);
    return nothingIfUnavailable(cache.remove(id), false);
  }

  /** @type {Clear} */
  async function clear() {
    await flights.voidAll();
    return nothingIfUnavailable(cache.clear(), undefined);
  }

  /**
   * Where there is no storage, nothing is left to remove; any other failure may leave images behind.
   *
   * @template Result
   * @param {Promise<Result>} removal
   * @param {Result} otherwise
   */
  const nothingIfUnavailable = (removal, otherwise) =>
    removal.catch((error) => {
      if (!(error instanceof CacheError) || error.reason !== "unavailable") throw error;
      report(error);
      return otherwise;
    });

  /**
   * @template Result
   * @param {Promise<Result>} storage
   * @param {Result} otherwise
   */
  const reported = (storage, otherwise) =>
    storage.catch((error) => {
      report(error);
      return otherwise;
    });

  /** @param {CacheError} error */
  function report(error) {
    // In a task of its own, so that a callback that throws is the page's error and breaks no image.
    queueMicrotask(() => options.onCacheError(error));
  }

  return Object.freeze({
    getImage,
    deleteCachedImage,
    clear,
    cachedImageExists: (/** @type {string} */ id) => reported(cache.has(id), false),
  });
}

/** @param {Image} image */
const toBlob = ({ bytes, type }) => new Blob([bytes], { type });
