/** The life of one image: out of the cache, else over the network, with a fresh record where its proof has expired. */

import { unlessAborted } from "../abort.js";
import { decrypt, imageIn, imageInBlob } from "../crypto/decrypt.js";
import { DecryptError, stateError } from "../errors.js";
import { parseRecord } from "../format/records.js";
import { WireState } from "../states.js";
import { freshRecord } from "./fresh-record.js";

/** @import { ImageCache } from "../cache/cache.js" */
/** @import { InWorker } from "../crypto/in-worker.js" */
/** @import { ImageRecord, ParsedRecord } from "../format/records.js" */
/** @import { OnReceived } from "../network/body.js" */
/** @import { TimeLimit } from "../network/time-limit.js" */
/** @import { CacheKind, Priority, RefreshRecord } from "../options/options.js" */
/** @import { createDownload } from "./download.js" */
/** @import { Reported } from "./storage-failures.js" */
/** @import { Tabs } from "./tabs.js" */

/**
 * What is to be loaded.
 *
 * @typedef {object} Plan
 * @property {string} id
 * @property {number} token
 * @property {ImageRecord} record  the caller's own object: a fetcher may use fields of it that this client doesn't know
 * @property {ParsedRecord} parsed
 * @property {unknown} context
 * @property {RefreshRecord | undefined} refreshRecord
 * @property {Priority} priority
 * @property {OnReceived} onProgress
 */

/**
 * What bounds a load.
 *
 * @typedef {object} Bounds
 * @property {AbortSignal} signal  ends it
 * @property {TimeLimit} limit  runs where a sign of life is due
 * @property {() => boolean} mayKeep  whether the image may still be stored
 */

/**
 * What a load brings.
 *
 * @typedef {object} Loaded
 * @property {Blob} image
 * @property {number} token  of the image, which may be newer than the record
 * @property {boolean} isHit  it was cached
 * @property {boolean} [isOutdated]  it is older than the record, for showing only
 * @property {Promise<void> | undefined} [stored]  settles when it is stored, where it is
 */

/** @typedef {(plan: Plan, bounds: Bounds) => Promise<Loaded>} Load */

/**
 * `since`: the latest removal when the load began. `hasWaited` for another tab's download.
 *
 * @typedef {Plan & Bounds & {since: Promise<number>, hasWaited?: boolean}} Attempt
 */

/** A proof that expires sooner may be refused when the request arrives. */
const ARRIVAL_MS = 1000;

/**
 * @param {object} parts
 * @param {CacheKind} parts.kind  what the cache keeps
 * @param {ImageCache} parts.cache
 * @param {Tabs} parts.tabs
 * @param {ReturnType<typeof createDownload>} parts.download
 * @param {InWorker} parts.inWorker
 * @param {Reported} parts.reported
 * @returns {Load}
 */
export function createLoad({ kind, cache, tabs, download, inWorker, reported }) {
  /** @type {Load} */
  return async (plan, bounds) => {
    const { id, context, refreshRecord } = plan;
    /** @type {Attempt} */
    const attempt = { ...plan, ...bounds, since: cache.latestRemoval() };
    try {
      return await loadVersion(attempt);
    } catch (error) {
      if (!refreshRecord || Object(error).state !== WireState.InvalidProof) throw error;
      bounds.signal.throwIfAborted();
      bounds.limit.start();
      const record = await freshRecord(refreshRecord, id, context);
      return loadVersion({ ...attempt, record, parsed: parseRecord(record), refreshRecord: undefined });
    }
  };

  /**
   * @param {Attempt} attempt
   * @returns {Promise<Loaded>}
   */
  async function loadVersion(attempt) {
    const { parsed, refreshRecord, signal, limit } = attempt;
    limit.start();
    const image = await fromCache(parsed);
    if (image) return { image, token: parsed.token, isHit: true };
    // Rather a fresh record at once, where it can be had and a proof is wanted.
    const mayBeHad = parsed.copy || parsed.expiresAt >= Date.now() + ARRIVAL_MS;
    if (refreshRecord && !mayBeHad) throw stateError(WireState.InvalidProof);
    // Until its own request: whoever waits for others shows no sign of life.
    limit.stop();
    // Where the other tab has stored nothing, others would do no better.
    const claim = attempt.hasWaited ? undefined : tabs.claim(parsed, signal);
    // A tab that is alone need not wait for what it gets.
    if (claim && !tabs.isAlone() && !(await claim)) {
      // Another tab has stored it by now, even if its message is still on the way.
      cache.forget();
      attempt.hasWaited = true;
      return loadVersion(attempt);
    }
    const loaded = fromNetwork(attempt);
    const release = () => void claim?.then((giveBack) => giveBack?.());
    loaded.then(({ stored }) => stored).then(release, release);
    return loaded;
  }

  /**
   * @param {Attempt} attempt
   * @returns {Promise<Loaded>}
   */
  async function fromNetwork(attempt) {
    const { id, parsed, signal } = attempt;
    const since = await attempt.since;
    // A fetcher may ignore its signal, and still the claim must end.
    const { token, sealed, plaintext } = await unlessAborted(signal, () => download(attempt));
    const image = imageIn(plaintext);
    // A replica that lags has sent it: shown, and not kept.
    const isOutdated = token < parsed.token;
    const bytes = kind === "decrypted" ? plaintext : sealed;
    // Only now that it is verified, and without making the caller wait.
    const stored = isOutdated || !attempt.mayKeep() ? undefined : store(id, token, bytes, since);
    return { image, token, isHit: false, isOutdated, stored };
  }

  /** @type {ImageCache["write"]} */
  async function store(...version) {
    await reported(cache.write(...version).then(() => tabs.tell({ type: "stored" })));
  }

  /** @param {ParsedRecord} parsed */
  async function fromCache(parsed) {
    const { id, token } = parsed;
    const stored = await reported(cache.read(id, token));
    if (!stored) return undefined;
    try {
      const image = await imageOf(stored, parsed);
      cache.touch(id);
      return image;
    } catch (error) {
      if (!(error instanceof DecryptError)) throw error;
      await reported(cache.drop(id, token));
      return undefined;
    }
  }

  /**
   * @param {Uint8Array<ArrayBuffer> | Blob} stored
   * @param {ParsedRecord} parsed
   */
  async function imageOf(stored, parsed) {
    const isLarge = stored instanceof Blob;
    if (kind === "decrypted") return isLarge ? imageInBlob(stored) : imageIn(stored);
    return isLarge ? inWorker.decrypt(stored, parsed) : imageIn(await decrypt(parsed, stored));
  }
}
