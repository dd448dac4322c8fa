/** The life of one image: out of the cache, else over the network, with a fresh record where its proof has expired. */

import { unlessAborted } from "../abort.js";
import { decrypt, imageIn, imageInBlob } from "../crypto/decrypt.js";
import { DecryptError, RecordError, stateError } from "../errors.js";
import { parseRecord } from "../format/records.js";
import { WireState } from "../states.js";

/** @import { ImageCache } from "../cache/cache.js" */
/** @import { InWorker } from "../crypto/in-worker.js" */
/** @import { ImageRecord, ParsedRecord } from "../format/records.js" */
/** @import { OnReceived } from "../network/body.js" */
/** @import { Limit } from "../network/time-limit.js" */
/** @import { Priority, RefreshRecord } from "../options/options.js" */
/** @import { createDownload } from "./download.js" */
/** @import { Flight } from "./in-flight.js" */
/** @import { Reported } from "./storage-failures.js" */
/** @import { Tabs } from "./tabs.js" */

/**
 * What a flight is to bring.
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
 * @property {Limit} [limit]  of the flight
 * @property {number} since  when it was asked for, by the rising clock
 * @property {boolean} [hasWaited]  for another tab's download
 */

/** @typedef {{image: Blob, token: number, isHit: boolean}} Loaded  `token` is that of the image */

/** @typedef {(flight: Flight<Plan>, signal: AbortSignal) => Promise<Loaded>} Load */

/** A proof that expires sooner may be refused when the request arrives. */
const ARRIVAL_MS = 1000;

/**
 * @param {object} parts
 * @param {"encrypted" | "decrypted" | "memory" | "off"} parts.kind  what the cache keeps
 * @param {ImageCache} parts.cache
 * @param {Tabs} parts.tabs
 * @param {ReturnType<typeof createDownload>} parts.download
 * @param {InWorker} parts.inWorker
 * @param {Reported} parts.reported
 * @returns {Load}
 */
export function createLoad({ kind, cache, tabs, download, inWorker, reported }) {
  /** @type {Load} */
  return async (flight, signal) => {
    const { id, refreshRecord, record, parsed } = flight;
    try {
      return await loadVersion(flight, signal, record, parsed, Boolean(refreshRecord));
    } catch (error) {
      if (!refreshRecord || Object(error).state !== WireState.InvalidProof) throw error;
      signal.throwIfAborted();
      flight.limit?.start();
      const fresh = await refreshRecord(id, flight.context);
      if (fresh === null) throw stateError(WireState.NotFound);
      const parsedFresh = parseRecord(fresh);
      if (parsedFresh.id !== id) {
        throw new RecordError("refreshRecord gave the record of another image", { reason: "id" });
      }
      return loadVersion(flight, signal, fresh, parsedFresh, false);
    }
  };

  /**
   * @param {Flight<Plan>} flight
   * @param {AbortSignal} signal
   * @param {ImageRecord} record
   * @param {ParsedRecord} parsed
   * @param {boolean} refusesOld  whether a proof that is about to expire counts as refused
   * @returns {Promise<Loaded>}
   */
  async function loadVersion(flight, signal, record, parsed, refusesOld) {
    const { token } = parsed;
    flight.limit?.start();
    const cached = await fromCache(parsed);
    if (cached) return { image: cached, token, isHit: true };
    if (refusesOld && parsed.expiresAt < Date.now() + ARRIVAL_MS) throw stateError(WireState.InvalidProof);
    // Until its own request: whoever waits for others shows no sign of life.
    flight.limit?.stop();
    // Where the other tab has stored nothing, others would do no better.
    const claim = flight.hasWaited ? undefined : tabs.claim(parsed, signal);
    // A tab that is alone need not wait for what it gets.
    if (claim && !tabs.isAlone() && !(await claim)) {
      // Another tab has stored it by now, even if its message is still on the way.
      cache.forget();
      flight.hasWaited = true;
      return loadVersion(flight, signal, record, parsed, refusesOld);
    }
    const release = () => void claim?.then((giveBack) => giveBack?.());
    try {
      const { context, priority, onProgress, limit } = flight;
      // A fetcher may ignore its signal, and still the claim must end.
      const found = await unlessAborted(signal, () =>
        download({ record, parsed, context, priority, signal, limit, onProgress }),
      );
      const image = imageIn(found.plaintext);
      // A replica that lags has sent it: shown, and not kept.
      flight.isVoid ||= found.token < token;
      // Stored only now that it is verified, and without making the caller wait.
      flight.stored = store(flight, found.token, kind === "decrypted" ? found.plaintext : found.sealed).finally(
        release,
      );
      return { image, token: found.token, isHit: false };
    } catch (error) {
      release();
      throw error;
    }
  }

  /**
   * @param {Flight<Plan>} flight
   * @param {number} token
   * @param {Uint8Array<ArrayBuffer>} bytes
   */
  async function store({ id, isVoid, since }, token, bytes) {
    if (!isVoid) {
      await reported(cache.write(id, token, bytes, since).then(() => tabs.tell({ type: "stored" })));
    }
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
