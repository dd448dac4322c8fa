/** Object URLs of images. All places that show one image share one URL, which the last of them revokes. */

/** @import { ImageRecord } from "../format/records.js" */
/** @import { ImageOptions } from "../options/options.js" */
/** @import { Memory } from "./memory.js" */

/**
 * The URL of an image. Its holder calls `release` once, when it no longer shows the image.
 *
 * @typedef {{url: string, release: () => void}} ObjectUrl
 */

/**
 * @param {object} parts
 * @param {(record: ImageRecord, options?: ImageOptions) => Promise<Blob>} parts.getImage
 * @param {Memory} parts.memory
 */
export function createObjectUrls({ getImage, memory }) {
  /** @type {WeakMap<Blob, {url: string, holders: number}>} */
  const shared = new WeakMap();

  /** @param {Blob} image */
  function take(image) {
    const entry = shared.get(image) ?? { url: URL.createObjectURL(image), holders: 0 };
    shared.set(image, entry);
    entry.holders += 1;
    let isHeld = true;
    return {
      url: entry.url,
      release() {
        if (isHeld && !(entry.holders -= 1)) {
          shared.delete(image);
          URL.revokeObjectURL(entry.url);
        }
        isHeld = false;
      },
    };
  }

  return {
    /**
     * @param {ImageRecord} record
     * @param {ImageOptions} [options]
     * @returns {Promise<ObjectUrl>}
     */
    objectUrl: async (record, options) => take(await getImage(record, options)),

    /**
     * @param {ImageRecord} record
     * @returns {ObjectUrl | undefined}
     */
    peek(record) {
      const image = memory.get(record?.id, record?.token);
      return image && take(image);
    },
  };
}
