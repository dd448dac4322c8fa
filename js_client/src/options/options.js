/** The configuration of a client: checks every option and fills in the defaults. */

import { ConfigError } from "../errors.js";
import { abortSignal, callback, checked, headers, integer, oneOf, orCallback, text } from "./checks.js";
import { endpointBeside } from "./endpoint.js";

/** @import { CacheError } from "../errors.js" */
/** @import { ImageRecord } from "../format/records.js" */
/** @import { Check } from "./checks.js" */

/**
 * Fetches a fresh record of an image from your API; null if the image no longer exists. `context` is the option of
 * getImage.
 *
 * @typedef {(id: string, context: any) => ImageRecord | null | Promise<ImageRecord | null>} RefreshRecord
 */

/**
 * Fetches fresh records of up to 100 images from your API. Images missing from the result no longer exist.
 *
 * @typedef {(ids: string[]) => Promise<Record<string, ImageRecord> | ImageRecord[]>} RefreshRecords
 */

/**
 * A value, or a function that returns it for each request.
 *
 * @template Value
 * @typedef {Value | (() => Value | Promise<Value>)} PerRequest
 */

/** @typedef {typeof PRIORITIES[number]} Priority */

/** @typedef {typeof CACHE_KINDS[number]} CacheKind */

/** @typedef {typeof KEY_PAIRS[number]} KeyPair */

/** @typedef {(received: {id: string, loaded: number, total: number}) => void} OnProgress  `loaded` and `total` in bytes */

/**
 * The options of `createClient`.
 *
 * @typedef {object} PixstoreConfig
 * @property {string | undefined} [endpoint]  URL or path that image ids are appended to; default: the mounted
 *   PixstoreApp that served this client, otherwise "/pixstore-image"
 * @property {CacheKind | undefined} [cache]  the form in which images are cached; default "encrypted"
 * @property {boolean | undefined} [offline]  true: show the last pictures while the application can't be reached; implies
 *   `keyPair: "stored"`; default false
 * @property {string | undefined} [databaseName]  IndexedDB database; default "pixstore-asgi"
 * @property {string | undefined} [namespace]  the owner of the cached images, such as a user's id; other namespaces do
 *   not see them; default none
 * @property {number | undefined} [cacheLimit]  most images in the cache, at least 1; default 1000
 * @property {number | undefined} [cacheBytes]  most bytes in the cache; default 512 MiB
 * @property {number | undefined} [memoryBytes]  most bytes of images in memory; default 32 MiB
 * @property {number | undefined} [cleanupBatch]  images evicted beyond the excess, fewer than `cacheLimit`; default
 *   `cacheLimit` / 20
 * @property {(() => Worker) | undefined} [worker]  starts the worker that decrypts, `pixstore-worker.js`, if the page must
 *   create its URL, as under Trusted Types; default: the file beside this one
 * @property {RefreshRecord | undefined} [refreshRecord]  called once per image if its proof has expired; default none
 * @property {RefreshRecords | undefined} [refreshRecords]  the same for several images, if their proofs expire at about
 *   the same time
 * @property {string | undefined} [recordsUrl]  URL of a mounted RecordsApp, or of an API that answers in the same way;
 *   used if neither function is given
 * @property {KeyPair | undefined} [keyPair]  place of the key pair to which the server seals records: "memory" (default),
 *   one pair per client; or "stored", one pair per namespace in IndexedDB, for sealed records that outlive the page
 * @property {PerRequest<HeadersInit | undefined> | undefined} [headers]  sent with each request; default none
 * @property {PerRequest<RequestCredentials | undefined> | undefined} [credentials]  default "same-origin"
 * @property {number | undefined} [timeoutMs]  milliseconds that an image may make no progress; default 60 000
 * @property {number | undefined} [retries]  further attempts if the network or the server failed; default 3
 * @property {number | undefined} [parallel]  most requests at once; default 6
 * @property {((error: CacheError) => void) | undefined} [onCacheError]  called with every storage failure; images are
 *   served nevertheless
 */

/**
 * The options of `getImage`.
 *
 * @typedef {object} ImageOptions
 * @property {AbortSignal | undefined} [signal]  ends the call; the request ends too if no other call waits for it
 * @property {OnProgress | undefined} [onProgress]  called as bytes of the response arrive
 * @property {unknown} [context]  passed to a custom fetcher and to `refreshRecord`
 * @property {RefreshRecord | undefined} [refreshRecord]  replaces the client's own
 * @property {Priority | undefined} [priority]  "high", "auto" (default) or "low"
 */

/** @typedef {"headers" | "credentials" | "offline" | "recordsUrl" | "refreshRecord" | "refreshRecords" | "worker"} WithoutDefault */

/**
 * A checked configuration with its defaults. `endpoint` has no slash at its end.
 *
 * @typedef {Pick<PixstoreConfig, WithoutDefault> &
 *   {[Name in Exclude<keyof PixstoreConfig, WithoutDefault>]-?: NonNullable<PixstoreConfig[Name]>}} Options
 */

const MIB = 2 ** 20;

/** The most urgent first. */
export const PRIORITIES = /** @type {const} */ (["high", "auto", "low"]);

const CACHE_KINDS = /** @type {const} */ (["encrypted", "decrypted", "memory", "off"]);

const KEY_PAIRS = /** @type {const} */ (["memory", "stored"]);

/**
 * Whether images are kept in the browser's storage, which all tabs share.
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
  worker: callback,
  refreshRecord: callback,
  refreshRecords: callback,
  recordsUrl: text,
  keyPair: oneOf(...KEY_PAIRS),
  offline: oneOf(true, false),
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
    throw new ConfigError("namespace has no value: all users would share one cache");
  }
  if (cleanupBatch >= cacheLimit) throw new ConfigError("cleanupBatch must be below cacheLimit");
  if (/[?#]/.test(endpoint)) throw new ConfigError("endpoint can't have a query or fragment");
  return Object.freeze({
    __proto__: null,
    cache: "encrypted",
    keyPair: "memory",
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
 * Return the headers and credentials of one request.
 *
 * @param {Pick<Options, "headers" | "credentials">} options
 * @returns {Promise<{headers?: HeadersInit, credentials?: RequestCredentials}>}
 * @throws {ConfigError} for an unusable value, and the error of an application's function
 */
export async function requestOptions({ headers, credentials }) {
  return checked(REQUEST, { headers: await valueOf(headers), credentials: await valueOf(credentials) });
}

/** @param {unknown} given */
const valueOf = (given) => (typeof given === "function" ? given() : given);

/**
 * Check the options of `getImage`.
 *
 * @param {ImageOptions} options
 * @returns {ImageOptions}
 * @throws {ConfigError} for an unknown option or an unusable value
 */
export const checkedImageOptions = (options) => checked(IMAGE, options);
