/** Images under way: the callers of one version share one load, which ends early where all of them have gone. */

import { unlessAborted } from "../abort.js";
import { ConfigError, FetchError, NotFoundError, ServerError } from "../errors.js";
import { isOf } from "../format/ids.js";
import { createTimeLimit } from "../network/time-limit.js";

/** @import { TimeLimit } from "../network/time-limit.js" */
/** @import { Load, Loaded, Plan } from "./load.js" */
/** @import { Memory } from "./memory.js" */

/**
 * One load, and who waits for it. `isVoid`: the image was deleted meanwhile; it is delivered, and not kept.
 *
 * @typedef {object} Flight
 * @property {Plan} plan
 * @property {boolean} isVoid
 * @property {number} waiting  callers
 * @property {AbortController} controller
 * @property {TimeLimit} limit
 * @property {Promise<Loaded>} loaded
 */

/** @typedef {ReturnType<typeof createInFlight>} InFlight */

/**
 * @param {object} parts
 * @param {Load} parts.load
 * @param {Memory} parts.memory  keeps what was loaded
 * @param {{hits: number, downloads: number}} parts.counts
 * @param {number} parts.timeoutMs  how long an image may show no sign of life
 */
export function createInFlight({ load, memory, counts, timeoutMs }) {
  /** @type {Map<string, Flight>}  those that others may join */
  const joinable = new Map();
  /** @type {Set<Flight>}  every one that is not over */
  const underWay = new Set();
  /** Counts the removals of this page: an image requested before a removal is not kept after it. */
  let removals = 0;
  let abortedAt = 0;
  /** @type {DOMException | undefined} */
  let abortion;

  /** @param {Flight} flight */
  function shut(flight) {
    const name = nameOf(flight.plan);
    if (joinable.get(name) === flight) joinable.delete(name);
  }

  /** @param {Flight} flight */
  async function bring(flight) {
    const { plan, limit } = flight;
    const { signal } = flight.controller;
    const mayKeep = () => !flight.isVoid;
    try {
      const loaded = await unlessAborted(signal, () => load(plan, { signal, limit, mayKeep }));
      const { image, token, isHit, isOutdated } = loaded;
      if (mayKeep() && !isOutdated) memory.put(plan.id, [plan.token, token], image);
      counts[isHit ? "hits" : "downloads"] += 1;
      return loaded;
    } catch (error) {
      shut(flight);
      throw error;
    } finally {
      limit.stop();
    }
  }

  /**
   * @param {Plan} plan
   * @param {number} asked  how many removals there were when it was asked for
   */
  function start(plan, asked) {
    // A caller that waited for a load which failed may have asked before a removal.
    const isVoid = asked < removals;
    const controller = new AbortController();
    const limit = createTimeLimit(timeoutMs, controller);
    const flight = /** @type {Flight} */ ({ plan, isVoid, waiting: 0, controller, limit });
    underWay.add(flight);
    if (!isVoid) joinable.set(nameOf(plan), flight);
    flight.loaded = bring(flight);
    const over = () => {
      shut(flight);
      underWay.delete(flight);
    };
    // Until it is stored, those who come find it here.
    flight.loaded.then(({ stored }) => stored).then(over, over);
    return flight;
  }

  /**
   * Keep nothing of the loads of an image and its variants, or of all; a later call starts a new one.
   *
   * @param {string} [id]
   */
  function voidAll(id) {
    removals += 1;
    for (const flight of underWay) {
      if (!isOf(flight.plan.id, id)) continue;
      flight.isVoid = true;
      shut(flight);
    }
  }

  /**
   * Wait for a load.
   *
   * @param {Flight} flight
   * @param {AbortSignal | undefined} signal
   */
  function waitFor(flight, signal) {
    flight.waiting += 1;
    // Whoever comes later has a limit of their own.
    flight.limit.renew();
    // Whoever can't leave keeps it under way.
    if (!signal) return flight.loaded;
    // Of a signal of its own, since Node.js warns of eleven who listen to one.
    return unlessAborted(AbortSignal.any([signal]), () => flight.loaded).catch((error) => {
      if (signal.aborted && !(flight.waiting -= 1)) {
        shut(flight);
        flight.isVoid = true;
        flight.controller.abort(signal.reason);
      }
      throw error;
    });
  }

  return {
    /**
     * The image of a plan, by the load of this version that is under way, else by a new one. Who fails with another's
     * record or context tries again, in company where there is any, until it fails with its own.
     *
     * @param {Plan} plan
     * @param {AbortSignal | undefined} signal  leaves it
     * @returns {Promise<Blob>}  rejects with the reason where all were aborted since it was asked for
     */
    async share(plan, signal) {
      const asked = removals;
      for (;;) {
        if (asked < abortedAt) throw abortion;
        const flight = joinable.get(nameOf(plan)) ?? start(plan, asked);
        try {
          return (await waitFor(flight, signal)).image;
        } catch (error) {
          if (signal?.aborted || isSame(flight.plan, plan) || !mayDependOnRecord(error)) throw error;
        }
      }
    },

    voidAll,

    /**
     * End all; those who wait are told the reason, and so are those who were asking before and come again.
     *
     * @param {DOMException} reason
     * @param {number} [at]  Infinity: no load starts any more
     */
    abortAll(reason, at = removals + 1) {
      if (at > abortedAt) [abortedAt, abortion] = [at, reason];
      voidAll();
      for (const { controller } of underWay) controller.abort(reason);
    },
  };
}

/** @param {{id: string, token: number}} version */
const nameOf = ({ id, token }) => `${id} ${token}`;

/**
 * @param {Plan} one
 * @param {Plan} other
 */
const isSame = (one, other) =>
  one.parsed.proof === other.parsed.proof &&
  String(one.parsed.key) === String(other.parsed.key) &&
  Object.is(one.context, other.context);

/**
 * Whether a load with another record or context may do better: a proof has expired, a key is wrong, a fetcher was
 * ended through its context.
 *
 * @param {any} error
 */
const mayDependOnRecord = (error) =>
  ![ConfigError, FetchError, ServerError, NotFoundError].some((Kind) => error instanceof Kind) &&
  error?.reason !== "authorize";
