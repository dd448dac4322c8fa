/** Gets images: from memory, otherwise by a load that is shared with other callers. */

import { parseRecord } from "../format/records.js";
import { createRequest } from "../network/request.js";
import { checkedImageOptions } from "../options/options.js";

/** @import { ImageCache } from "../cache/cache.js" */
/** @import { ImageRecord } from "../format/records.js" */
/** @import { ImageOptions, RefreshRecord } from "../options/options.js" */
/** @import { InFlight } from "./in-flight.js" */
/** @import { Memory } from "./memory.js" */
/** @import { Tabs } from "./tabs.js" */

/** @typedef {{record: ImageRecord, blob: Blob, error?: undefined} | {record: ImageRecord, blob?: undefined, error: Error}} ImageResult */

/**
 * @param {object} parts
 * @param {{timeoutMs: number}} parts.options  `timeoutMs`: how long an image may make no progress
 * @param {RefreshRecord | undefined} parts.refreshRecord  the client's own
 * @param {ImageCache} parts.cache
 * @param {Memory} parts.memory
 * @param {Tabs} parts.tabs
 * @param {InFlight} parts.inFlight
 * @param {{hits: number, downloads: number}} parts.counts
 */
export function createGetImage({ options, refreshRecord: ownRefresh, cache, memory, tabs, inFlight, counts }) {
  /**
   * @param {ImageRecord} record
   * @param {ImageOptions} [imageOptions]
   * @param {number} [asked]  the number of removals when the caller asked
   * @returns {Promise<Blob>}
   */
  return async function getImage(record, imageOptions = {}, asked) {
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
    const request = createRequest(
      {
        ...{ record, parsed, context },
        refreshRecord: refreshRecord ?? ownRefresh,
        priority: priority ?? "auto",
        // In a task of its own, so that an error of the callback is reported in the page and breaks no image.
        onProgress: (received) => onProgress && queueMicrotask(() => onProgress({ id, ...received })),
      },
      options.timeoutMs,
    );
    return inFlight.share(request, signal, asked);
  };
}

/**
 * Get many images, and yield each as soon as it is ready.
 *
 * @param {(record: ImageRecord, options: ImageOptions) => Promise<Blob>} getImage
 */
export function createGetImages(getImage) {
  /**
   * @param {Iterable<ImageRecord>} records
   * @param {ImageOptions} [imageOptions]
   * @returns {AsyncGenerator<ImageResult, void, void>}
   */
  return async function* getImages(records, imageOptions = {}) {
    const { signal } = checkedImageOptions(imageOptions);
    const controller = new AbortController();
    const own = { ...imageOptions, signal: signal ? AbortSignal.any([signal, controller.signal]) : controller.signal };
    /** @type {ImageResult[]} */
    const ready = [];
    let wake = () => {};
    let left = 0;
    try {
      for (const record of records) {
        left += 1;
        getImage(record, own)
          .then(
            (blob) => ready.push({ record, blob }),
            (error) => ready.push({ record, error }),
          )
          .then(() => wake());
      }
      for (; left > 0; left -= 1) {
        if (!ready.length) await new Promise((/** @type {(value?: any) => void} */ resolve) => (wake = resolve));
        signal?.throwIfAborted();
        yield /** @type {ImageResult} */ (ready.shift());
      }
    } finally {
      controller.abort();
    }
  };
}
