/** One image: out of memory, else by a load that it shares with whoever else asks for it meanwhile. */

import { parseRecord } from "../format/records.js";
import { checkedImageOptions } from "../options/options.js";

/** @import { ImageCache } from "../cache/cache.js" */
/** @import { ImageRecord } from "../format/records.js" */
/** @import { ImageOptions, RefreshRecord } from "../options/options.js" */
/** @import { InFlight } from "./in-flight.js" */
/** @import { Memory } from "./memory.js" */
/** @import { Tabs } from "./tabs.js" */

/**
 * @param {object} parts
 * @param {RefreshRecord | undefined} parts.refreshRecord  of the client
 * @param {ImageCache} parts.cache
 * @param {Memory} parts.memory
 * @param {Tabs} parts.tabs
 * @param {InFlight} parts.inFlight
 * @param {{hits: number, downloads: number}} parts.counts
 */
export function createGetImage({ refreshRecord: ownRefresh, cache, memory, tabs, inFlight, counts }) {
  /**
   * @param {ImageRecord} record
   * @param {ImageOptions} [imageOptions]
   * @returns {Promise<Blob>}
   */
  return async function getImage(record, imageOptions = {}) {
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
    return inFlight.share(
      {
        ...{ id, token, record, parsed, context },
        refreshRecord: refreshRecord ?? ownRefresh,
        priority: priority ?? "auto",
        // In a task of its own, so that a callback that throws is the page's error and breaks no image.
        onProgress: (received) => onProgress && queueMicrotask(() => onProgress({ id, ...received })),
      },
      signal,
    );
  };
}
