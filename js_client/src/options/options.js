/** Configuration: every option checked, defaults filled in. */

import { ConfigError } from "../errors.js";
import { abortSignal, callback, checked, headers, integer, oneOf, orCallback, text } from "./checks.js";
import { endpointBeside } from "./endpoint.js";

/** @import { CacheError } from "../errors.js" */
/** @import { ImageRecord } from "../format/records.js" */
/** @import { Check } from "./checks.js" */

/**
 * Asks your API for a fresh record of an image, null where there is no such image any more; `context` is that of getImage.
 *
 * @typedef {(id: string, context: any) => ImageRecord | null | Promise<ImageRecord | null>} RefreshRecord
 */

/**
 * Asks your API for the fresh records of up to 100 images at once; those that it doesn't give are gone.
 *
 * @typedef {(ids: string[]) => Promise<Record<string, ImageRecord> | ImageRecord[]>} RefreshRecords
 */

/**
 * A value, or what gives it for each request.
 *
 * @template Value
 * @typedef {Value | (() => Value | Promise<Value>)} PerRequest
 */

/** @typedef {typeof PRIORITIES[number]} Priority */

/** @typedef {typeof CACHE_KINDS[number]} CacheKind */

/** @typedef {(received: {id: string, loaded: number, total: number}) => void} OnProgress  in bytes of the response */

/**
 * What `createClient` takes.
 *
 * @typedef {object} PixstoreConfig
 * @property {string | undefined} [endpoint]  URL or path that image ids are appended to; default: where this client was
 *   loaded from a mounted PixstoreApp, that mount, else "/pixstore-image"
 * @property {CacheKind | undefined} [cache]  what is kept; default "encrypted"
 * @property {string | undefined} [databaseName]  IndexedDB database; default "pixstore-asgi"
 * @property {string | undefined} [namespace]  whose images these are, such as a user's id: no other namespace sees
 *   them; default none
 * @property {number | undefined} [cacheLimit]  most images kept, at least 1; default 1000
 * @property {number | undefined} [cacheBytes]  most bytes kept; default 512 MiB
 * @property {number | undefined} [memoryBytes]  most bytes of images kept in memory; default 32 MiB
 * @property {number | undefined} [cleanupBatch]  images evicted beyond the excess, fewer than `cacheLimit`; default a
 *   twentieth of `cacheLimit`
 * @property {RefreshRecord | undefined} [refreshRecord]  called once where a proof has expired; default none
 * @property {RefreshRecords | undefined} [refreshRecords]  instead, for all images whose proofs have expired at about
 *   the same time
 * @property {string | undefined} [recordsUrl]  instead, where a RecordsApp is mounted, or what answers as it does
 * @property {PerRequest<HeadersInit | undefined> | undefined} [headers]  sent along with each request; default none
 * @property {PerRequest<RequestCredentials | undefined> | undefined} [credentials]  default "same-origin"
 * @property {number | undefined} [timeoutMs]  how long a request may bring nothing; default 60 000
 * @property {number | undefined} [retries]  further attempts where the network or the server failed; default 3
 * @property {number | undefined} [parallel]  most requests at once; default 6
 * @property {((error: CacheError) => void) | undefined} [onCacheError]  told of every storage failure; images are
 *   served all the same
 */

/**
 * What `getImage` takes beside the record.
 *
 * @typedef {object} ImageOptions
 * @property {AbortSignal | undefined} [signal]  leaves the call; the request ends where nobody else waits for it
 * @property {OnProgress | undefined} [onProgress]  told how many bytes of the response have come
 * @property {unknown} [context]  handed to a fetcher of your own and to `refreshRecord`
 * @property {RefreshRecord | undefined} [refreshRecord]  instead of the client's own
 * @property {Priority | undefined} [priority]  "high", "auto" (default) or "low"
 */

/**
 * @typedef {object} Options
 * @property {string} endpoint  without a trailing slash
 * @property {CacheKind} cache
 * @property {string} databaseName
 * @property {string} namespace
 * @property {number} cacheLimit
 * @property {number} cacheBytes
 * @property {number} memoryBytes
 * @property {number} cleanupBatch
 * @property {RefreshRecord} [refreshRecord]
 * @property {RefreshRecords} [refreshRecords]
 * @property {string} [recordsUrl]
 * @property {PerRequest<HeadersInit | undefined>} [headers]
 * @property {PerRequest<RequestCredentials | undefined>} [credentials]
 * @property {number} timeoutMs
 * @property {number} retries
 * @property {number} parallel
 * @property {(error: CacheError) => void} onCacheError
 */

const MIB = 2 ** 20;

/** In the order in which they are served. */
export const PRIORITIES = /** @type {const} */ (["high", "auto", "low"]);

const CACHE_KINDS = /** @type {const} */ (["encrypted", "decrypted", "memory", "off"]);

/**
 * Whether images are kept in the browser's storage, where other tabs find them.
 *
 * @param {CacheKind} kind
 */
export const isStored = (kind) => kind === "encrypted" || kind === "decrypted";

/** @satisfies {Record<string, Check>} */
const REQUEST = { headers, credentials: oneOf("omit", "same-origin", "include") };

const CONFIG = {
  endpoint: text,
  cache: oneOf(...CACHE_KINDS),
  databaseName: text,
  namespace: text,
  cacheLimit: integer(1),
  cacheBytes: integer(0),
  memoryBytes: integer(0),
  cleanupBatch: integer(0),
  refreshRecord: callback,
  refreshRecords: callback,
  recordsUrl: text,
  headers: orCallback(REQUEST.headers),
  credentials: orCallback(REQUEST.credentials),
  timeoutMs: integer(1),
  retries: integer(0),
  parallel: integer(1),
  onCacheError: callback,
};

const IMAGE = {
  signal: abortSignal,
  onProgress: callback,
  context: () => /** @type {const} */ (false),
  refreshRecord: callback,
  priority: oneOf(...PRIORITIES),
};

/**
 * Check a configuration and fill in the defaults. An option that is undefined or null counts as not given.
 *
 * @param {PixstoreConfig} config
 * @returns {Readonly<Options>}
 * @throws {ConfigError} for an unknown name or an unusable value
 */
export function resolveOptions(config) {
  const given = checked(CONFIG, config);
  const {
    cacheLimit = 1000,
    cleanupBatch = Math.floor(cacheLimit / 20),
    endpoint = endpointBeside(import.meta.url),
    ...others
  } = given;
  if (Object.hasOwn(config, "namespace") && !given.namespace) {
    throw new ConfigError("namespace has no value: everybody's images would be in one");
  }
  if (cleanupBatch >= cacheLimit) throw new ConfigError("cleanupBatch must be below cacheLimit");
  if (/[?#]/.test(endpoint)) throw new ConfigError("endpoint can't have a query or fragment");
  return Object.freeze({
    __proto__: null,
    cache: "encrypted",
    databaseName: "pixstore-asgi",
    namespace: "",
    cacheBytes: 512 * MIB,
    memoryBytes: 32 * MIB,
    timeoutMs: 60_000,
    retries: 3,
    parallel: 6,
    onCacheError() {},
    ...others,
    cacheLimit,
    cleanupBatch,
    endpoint: endpoint.replace(/\/+$/, ""),
  });
}

/**
 * What is sent along with one request.
 *
 * @param {Pick<Options, "headers" | "credentials">} options
 * @returns {Promise<{headers?: HeadersInit, credentials?: RequestCredentials}>}
 * @throws {ConfigError} for an unusable value, and what a function of the application throws
 */
export async function requestOptions({ headers, credentials }) {
  return checked(REQUEST, { headers: await valueOf(headers), credentials: await valueOf(credentials) });
}

/** @param {unknown} given */
const valueOf = (given) => (typeof given === "function" ? given() : given);

/**
 * Check what `getImage` was given beside the record.
 *
 * @param {ImageOptions} options
 * @returns {ImageOptions}
 * @throws {ConfigError}
 */
export const checkedImageOptions = (options) => checked(IMAGE, options);
