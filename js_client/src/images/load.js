/** Loads one image: from the cache, otherwise over the network, with a fresh record if its proof has expired or it is sealed to another page. */

import { unlessAborted } from "../abort.js";
import { decrypt, imageIn, imageInBlob } from "../crypto/decrypt.js";
import { DecryptError, WireState, stateError } from "../errors.js";
import { parseRecord } from "../format/records.js";
import { ARRIVAL_MS } from "../network/request.js";
import { freshRecord } from "./fresh-records.js";

/** @import { ImageCache } from "../cache/cache.js" */
/** @import { InWorker } from "../crypto/in-worker.js" */
/** @import { Recipient } from "../crypto/recipient.js" */
/** @import { ParsedRecord } from "../format/records.js" */
/** @import { ImageRequest, Loaded } from "../network/request.js" */
/** @import { CacheKind } from "../options/options.js" */
/** @import { createDownload } from "./download.js" */
/** @import { Reported } from "./storage-failures.js" */
/** @import { Tabs } from "./tabs.js" */

/** @typedef {(request: ImageRequest) => Promise<Loaded>} Load */

/**
 * @param {object} parts
 * @param {{cache: CacheKind}} parts.options
 * @param {Recipient} parts.recipient
 * @param {ImageCache} parts.cache
 * @param {Tabs} parts.tabs
 * @param {ReturnType<typeof createDownload>} parts.download
 * @param {InWorker} parts.inWorker
 * @param {Reported} parts.reported
 * @returns {Load}
 */
export function createLoad({ options, recipient, cache, tabs, download, inWorker, reported }) {
  /** @type {Load} */
  return async (request) => {
    request.since = cache.latestRemoval();
    request.parsed = recipient.opened(request.parsed, request.record);
    try {
      return await loadVersion(request);
    } catch (error) {
      const { refreshRecord, signal, limit, parsed, context } = request;
      const { state, reason } = Object(error);
      if (!refreshRecord || (state !== WireState.InvalidProof && reason !== "sealed")) throw error;
      signal.throwIfAborted();
      limit.start();
      request.record = await freshRecord(refreshRecord, parsed.id, context);
      request.parsed = recipient.opened(parseRecord(request.record), request.record);
      request.refreshRecord = undefined;
      return loadVersion(request);
    }
  };

  /**
   * @param {ImageRequest} request
   * @returns {Promise<Loaded>}
   */
  async function loadVersion(request) {
    const { parsed, refreshRecord, signal, limit } = request;
    limit.start();
    const image = await fromCache(parsed);
    if (image) return { image, token: parsed.token, isHit: true };
    // Without a copy, the download needs a valid proof: fetch a fresh record first if that is possible.
    const isUsable = parsed.copy || parsed.expiresAt >= Date.now() + ARRIVAL_MS;
    if (refreshRecord && !isUsable) throw stateError(WireState.InvalidProof);
    // Until its own HTTP request starts, the image cannot make progress.
    limit.stop();
    // If the other tab has stored nothing, waiting for a third one is no better.
    const claim = request.hasWaited ? undefined : tabs.claim(parsed, signal);
    // The only tab need not wait for its claim.
    if (claim && !tabs.isAlone() && !(await claim)) {
      // The other tab has stored the image by now, but its message may still be on the way.
      cache.forget();
      request.hasWaited = true;
      return loadVersion(request);
    }
    const loaded = fromNetwork(request);
    const release = () => void claim?.then((giveBack) => giveBack?.());
    loaded.then(({ stored }) => stored).then(release, release);
    return loaded;
  }

  /**
   * @param {ImageRequest} request
   * @returns {Promise<Loaded>}
   */
  async function fromNetwork(request) {
    const { parsed, signal } = request;
    const since = await request.since;
    // A fetcher may ignore its signal, but the claim must end.
    const { token, sealed, plaintext } = await unlessAborted(signal, () => download(request));
    const image = imageIn(plaintext);
    // A replica that lags behind has sent it.
    const isOutdated = token < parsed.token;
    const bytes = options.cache === "decrypted" ? plaintext : sealed;
    // Store only verified bytes, and do not make the caller wait.
    const stored = isOutdated || request.isVoid ? undefined : store(parsed.id, token, bytes, since, parsed.kept);
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
      cache.touch(id, parsed.kept);
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
    if (options.cache === "decrypted") return isLarge ? imageInBlob(stored) : imageIn(stored);
    return isLarge ? inWorker.decrypt(stored, parsed) : imageIn(await decrypt(parsed, stored));
  }
}
