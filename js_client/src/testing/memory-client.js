/**
 * The real client, but that its images come from memory instead of a server: without network, WebCrypto, IndexedDB and
 * other tabs.
 */

import { unlessAborted } from "../abort.js";
import { createCache } from "../cache/cache.js";
import { createInWorker } from "../crypto/in-worker.js";
import { freshRecord } from "../images/fresh-record.js";
import { createGetImage } from "../images/get-image.js";
import { createGetImages } from "../images/get-images.js";
import { createInFlight } from "../images/in-flight.js";
import { createLoad } from "../images/load.js";
import { createMemory } from "../images/memory.js";
import { createObjectUrls } from "../images/object-urls.js";
import { createRemoval } from "../images/removal.js";
import { createReported } from "../images/storage-failures.js";
import { resolveOptions } from "../options/options.js";

/** @import { Client } from "../client.js" */
/** @import { ParsedRecord } from "../format/records.js" */
/** @import { Attempt } from "../images/load.js" */
/** @import { Tabs } from "../images/tabs.js" */
/** @import { RefreshRecord } from "../options/options.js" */

/** @type {Tabs} */
const NO_OTHER_TABS = {
  join() {},
  leave() {},
  isAlone: () => true,
  tell() {},
  claim: async () => () => {},
};

/**
 * @param {object} parts
 * @param {(record: ParsedRecord) => Promise<{token: number, plaintext: Uint8Array<ArrayBuffer>}>} parts.answer  what the
 *   server has, or an error
 * @param {(id: string, load: Promise<unknown>) => Promise<void>} parts.onLoad  told of each load, until it is over
 * @param {RefreshRecord | undefined} parts.refreshRecord
 * @returns {Client}
 */
export function createMemoryClient({ answer, onLoad, refreshRecord }) {
  const options = resolveOptions({ cache: "memory" });
  const [cache, tabs, reported] = [createCache(options), NO_OTHER_TABS, createReported(options.onCacheError)];
  const memory = createMemory(options.memoryBytes);
  const inWorker = createInWorker(() => {
    throw new Error("nothing is decrypted");
  });
  const load = createLoad({ kind: options.cache, cache, tabs, download, inWorker, reported });
  const counts = { hits: 0, downloads: 0 };
  const inFlight = createInFlight({ load, memory, counts, timeoutMs: options.timeoutMs });
  const getImage = createGetImage({ refreshRecord, cache, memory, tabs, inFlight, counts });
  const { hear, ...removal } = createRemoval({ cache, memory, inFlight, tabs, reported });

  /** @param {Pick<Attempt, "parsed" | "onProgress" | "signal">} attempt */
  async function download({ parsed, onProgress, signal }) {
    const answered = unlessAborted(signal, () => answer(parsed));
    onLoad(parsed.id, answered);
    const { token, plaintext } = await answered;
    onProgress({ loaded: plaintext.length, total: plaintext.length });
    return { token, plaintext, sealed: plaintext };
  }

  return {
    getImage,
    getImages: createGetImages(getImage),
    getRecord: (id, context) => freshRecord(refreshRecord, id, context),
    ...createObjectUrls({ getImage, memory }),
    ...removal,
    close() {
      inFlight.abortAll(new DOMException("the client is closed", "AbortError"), Infinity);
      hear({ type: "emptied" });
    },
    cachedImageExists: async (id) => memory.has(id),
    stats: async () => ({ images: 0, bytes: 0, ...memory.stats(), ...counts }),
  };
}
