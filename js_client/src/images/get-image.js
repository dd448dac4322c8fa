/** One image: out of memory, else by a flight that it shares with whoever else asks for it meanwhile. */

import { unlessAborted } from "../abort.js";
import { risingTime } from "../clock.js";
import { ConfigError, FetchError, NotFoundError, ServerError } from "../errors.js";
import { parseRecord } from "../format/records.js";
import { createLimit } from "../network/time-limit.js";
import { checkedImageOptions } from "../options/options.js";
import { createFlights } from "./in-flight.js";

/** @import { ImageCache } from "../cache/cache.js" */
/** @import { ImageRecord } from "../format/records.js" */
/** @import { ImageOptions, Options } from "../options/options.js" */
/** @import { Flight } from "./in-flight.js" */
/** @import { Load, Plan } from "./load.js" */
/** @import { Memory } from "./memory.js" */
/** @import { Tabs } from "./tabs.js" */

/**
 * @param {object} parts
 * @param {Readonly<Options>} parts.options
 * @param {ImageCache} parts.cache
 * @param {Memory} parts.memory
 * @param {Tabs} parts.tabs
 * @param {Load} parts.load
 */
export function createGetImage({ options, cache, memory, tabs, load }) {
  const counts = { hits: 0, downloads: 0 };
  const flights = createFlights(fly);

  /**
   * @param {ImageRecord} record
   * @param {ImageOptions} [imageOptions]
   * @returns {Promise<Blob>}
   */
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
      // In a task of its own, so that a callback that throws is the page's error and breaks no image.
      onProgress: (received) => onProgress && queueMicrotask(() => onProgress({ id, ...received })),
      since: risingTime(),
    };
    // Who fails with another's record or context tries again, in company where there is any, until it fails with its own.
    for (;;) {
      const flight = flights.of(plan);
      // Whoever comes later has a limit of their own.
      flight.limit?.renew();
      try {
        return await flights.board(flight, signal);
      } catch (error) {
        if (signal?.aborted || isSame(flight, plan) || !mayDependOnRecord(error)) throw error;
      }
    }
  }

  /**
   * @param {Flight<Plan>} flight
   * @param {AbortSignal} signal
   */
  async function fly(flight, signal) {
    const limit = createLimit(options.timeoutMs);
    const ended = AbortSignal.any([signal, limit.signal]);
    flight.limit = limit;
    try {
      const { image, token, isHit } = await unlessAborted(ended, () => load(flight, ended));
      if (!flight.isVoid) memory.put(flight.id, [flight.token, token], image);
      counts[isHit ? "hits" : "downloads"] += 1;
      return image;
    } finally {
      limit.stop();
    }
  }

  return { getImage, flights, counts };
}

/**
 * @param {Plan} one
 * @param {Plan} other
 */
const isSame = (one, other) =>
  one.parsed.proof === other.parsed.proof &&
  String(one.parsed.key) === String(other.parsed.key) &&
  Object.is(one.context, other.context);

/**
 * Whether a flight with another record or context may do better: a proof has expired, a key is wrong, a fetcher was
 * ended through its context.
 *
 * @param {any} error
 */
const mayDependOnRecord = (error) =>
  ![ConfigError, FetchError, ServerError, NotFoundError].some((Kind) => error instanceof Kind) &&
  error?.reason !== "authorize";
