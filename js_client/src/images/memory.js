import { isOf } from "../format/ids.js";

/** @typedef {ReturnType<typeof createMemory>} Memory */

/**
 * Keep recently shown images in memory, one version of each. The least recently used images are evicted first. An image
 * above a fourth of the limit is not kept.
 *
 * @param {number} limit  in bytes
 */
export function createMemory(limit) {
  /** @type {Map<string, {tokens: number[], image: Blob}>}  by id, the least recently used first */
  const entries = new Map();
  let bytes = 0;

  /** @param {string} id */
  function remove(id) {
    bytes -= entries.get(id)?.image.size ?? 0;
    entries.delete(id);
  }

  return {
    /**
     * @param {string} id
     * @param {number} token
     */
    get(id, token) {
      const entry = entries.get(id);
      if (!entry?.tokens.includes(token)) return undefined;
      entries.delete(id);
      entries.set(id, entry);
      return entry.image;
    },

    /**
     * @param {string} id
     * @param {number[]} tokens  of the image and of the caller's record, which may be older
     * @param {Blob} image
     */
    put(id, tokens, image) {
      remove(id);
      const { size } = image;
      if (size > limit / 4) return;
      entries.set(id, { tokens, image });
      bytes += size;
      // Evict images of at least half the size first, so that a large image does not push out many small ones.
      for (const least of [size / 2, 0]) {
        for (const [oldest, entry] of entries) {
          if (bytes <= limit) return;
          if (oldest !== id && entry.image.size >= least) remove(oldest);
        }
      }
    },

    /**
     * Remove an image and its variants, or all images.
     *
     * @param {string} [original]
     * @returns {boolean}  whether there was any
     */
    remove(original) {
      const ids = [...entries.keys()].filter((id) => isOf(id, original));
      ids.forEach(remove);
      return ids.length > 0;
    },

    /** @param {string} id */
    has: (id) => entries.has(id),

    stats: () => ({ memoryImages: entries.size, memoryBytes: bytes }),
  };
}
