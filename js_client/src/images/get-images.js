/** Gets many images and yields each as soon as it is ready. */

import { checkedImageOptions } from "../options/options.js";

/** @import { ImageRecord } from "../format/records.js" */
/** @import { ImageOptions } from "../options/options.js" */

/** @typedef {{record: ImageRecord, blob: Blob, error?: undefined} | {record: ImageRecord, blob?: undefined, error: Error}} ImageResult */

/** @param {(record: ImageRecord, options: ImageOptions) => Promise<Blob>} getImage */
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
