/** Loads under way. The callers of one version share one load, which ends early if all of them have left. */

import { unlessAborted } from "../abort.js";
import { ConfigError, FetchError, NotFoundError, ServerError } from "../errors.js";
import { isOf } from "../format/ids.js";

/** @import { ImageRequest } from "../network/request.js" */
/** @import { Load } from "./load.js" */
/** @import { Memory } from "./memory.js" */

/** @typedef {ReturnType<typeof createInFlight>} InFlight */

/**
 * @param {object} parts
 * @param {Load} parts.load
 * @param {Memory} parts.memory  keeps the loaded images
 * @param {{hits: number, downloads: number}} parts.counts
 */
export function createInFlight({ load, memory, counts }) {
  /** @type {Map<string, ImageRequest>}  the loads that further callers may join, by `nameOf` */
  const joinable = new Map();
  /** @type {Set<ImageRequest>}  every load that is not over */
  const underWay = new Set();
  /** Counts the removals in this page, because an image requested before a removal must not be kept after it. */
  let removals = 0;
  let abortedAt = 0;
  /** @type {DOMException | undefined} */
  let abortion;

  /** @param {ImageRequest} request */
  function shut(request) {
    const name = nameOf(request);
    if (joinable.get(name) === request) joinable.delete(name);
  }

  /** @param {ImageRequest} request */
  async function bring(request) {
    const { signal, limit, given } = request;
    try {
      const loaded = await unlessAborted(signal, () => load(request));
      const { image, token, isHit, isOutdated } = loaded;
      if (!request.isVoid && !isOutdated) memory.put(given.id, [given.token, token], image);
      counts[isHit ? "hits" : "downloads"] += 1;
      return loaded;
    } catch (error) {
      shut(request);
      throw error;
    } finally {
      limit.stop();
    }
  }

  /**
   * @param {ImageRequest} request
   * @param {number} asked  the number of removals when the caller asked
   */
  function start(request, asked) {
    // The caller may have waited for another load, which failed, and a removal may have come meanwhile.
    request.isVoid = asked < removals;
    underWay.add(request);
    if (!request.isVoid) joinable.set(nameOf(request), request);
    request.loaded = bring(request);
    const end = () => {
      shut(request);
      underWay.delete(request);
    };
    // Callers can join until the image is stored, because the cache does not have it before.
    request.loaded.then(({ stored }) => stored).then(end, end);
    return request;
  }

  /**
   * Keep nothing of the loads of an image and its variants, or of all loads. Later calls start new loads.
   *
   * @param {string} [id]
   */
  function voidAll(id) {
    removals += 1;
    for (const request of underWay) {
      if (!isOf(request.given.id, id)) continue;
      request.isVoid = true;
      shut(request);
    }
  }

  /**
   * Wait for a load.
   *
   * @param {ImageRequest} request
   * @param {AbortSignal | undefined} signal  of this caller
   */
  function waitFor(request, signal) {
    request.callers += 1;
    // Each caller may wait for the whole time limit.
    request.limit.renew();
    // A caller without a signal cannot leave, so the load cannot end early.
    if (!signal) return request.loaded;
    // Node.js warns of more than ten listeners on one signal, so each wait gets a signal of its own.
    return unlessAborted(AbortSignal.any([signal]), () => request.loaded).catch((error) => {
      if (signal.aborted && !(request.callers -= 1)) {
        shut(request);
        request.isVoid = true;
        request.controller.abort(signal.reason);
      }
      throw error;
    });
  }

  return {
    /**
     * Load the image of a request, or join the load of the same version. If a joined load fails because of its record
     * or context, try again, with the caller's own record in the end.
     *
     * @param {ImageRequest} request
     * @param {AbortSignal | undefined} signal  the caller leaves when it is aborted
     * @param {number} [asked]  the number of removals when the caller asked
     * @returns {Promise<Blob>}  rejects with the reason of `abortAll` if that was called meanwhile
     */
    async share(request, signal, asked = removals) {
      for (;;) {
        if (asked < abortedAt) throw abortion;
        const joined = joinable.get(nameOf(request)) ?? start(request, asked);
        try {
          return (await waitFor(joined, signal)).image;
        } catch (error) {
          if (signal?.aborted || isSame(joined, request) || !mayDependOnRecord(error)) throw error;
        }
      }
    },

    voidAll,

    /** Return the number of removals so far, for the argument `asked`. */
    count: () => removals,

    /**
     * End all loads. Their callers get the reason, and so do callers that are between two loads.
     *
     * @param {DOMException} reason
     * @param {number} [at]  Infinity: no load may start any more
     */
    abortAll(reason, at = removals + 1) {
      if (at > abortedAt) {
        abortedAt = at;
        abortion = reason;
      }
      voidAll();
      for (const { controller } of underWay) controller.abort(reason);
    },
  };
}

/** @param {ImageRequest} request */
const nameOf = ({ given: { id, token } }) => `${id} ${token}`;

/**
 * @param {ImageRequest} one
 * @param {ImageRequest} other
 */
const isSame = (one, other) =>
  one.given.proof === other.given.proof &&
  String(one.given.key) === String(other.given.key) &&
  Object.is(one.context, other.context);

/**
 * Whether a load with another record or context may succeed: the proof has expired, the key is wrong, or a fetcher was
 * aborted through its context.
 *
 * @param {any} error
 */
const mayDependOnRecord = (error) =>
  ![ConfigError, FetchError, ServerError, NotFoundError].some((Kind) => error instanceof Kind) &&
  error?.reason !== "authorize";
