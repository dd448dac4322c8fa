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
    return entries.delete(id);
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

    remove,

    /** @param {string} id */
    has: (id) => entries.has(id),

    clear() {
      entries.clear();
      bytes = 0;
    },

    stats: () => ({ memoryImages: entries.size, memoryBytes: bytes }),
  };
}
