import { isOf } from "../format/ids.js";

/** @typedef {ReturnType<typeof createMemory>} Memory */

/**
 * The images that were shown last, in memory: one version of each, the least recently used one first. None takes more
 * than a fourth of it.
 *
 * @param {number} limit  in bytes
 */
export function createMemory(limit) {
  /** @type {Map<string, {tokens: number[], image: Blob}>}  by id */
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
     * @param {number[]} tokens  of the image, and of the record that it was asked for with, which may be older
     * @param {Blob} image
     */
    put(id, tokens, image) {
      remove(id);
      const { size } = image;
      if (size > limit / 4) return;
      entries.set(id, { tokens, image });
      bytes += size;
      // Many small images go for a large one only where no large one is left to go.
      for (const least of [size / 2, 0]) {
        for (const [oldest, entry] of entries) {
          if (bytes <= limit) return;
          if (oldest !== id && entry.image.size >= least) remove(oldest);
        }
      }
    },

    /**
     * Remove an image and its variants, or all images, and tell whether there was one of them.
     *
     * @param {string} [original]
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
