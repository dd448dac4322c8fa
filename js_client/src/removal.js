/** Images that go: from memory, from the cache, from what is under way, and from the other tabs. */

/** @import { ImageCache } from "./cache.js" */
/** @import { Clear, DeleteCachedImage } from "./client.js" */
/** @import { Flights } from "./flights.js" */
/** @import { Memory } from "./memory.js" */
/** @import { Reports } from "./reports.js" */
/** @import { Notice, Tabs } from "./tabs.js" */

/**
 * @param {object} parts
 * @param {ImageCache} parts.cache
 * @param {Memory} parts.memory
 * @param {Flights<any>} parts.flights
 * @param {Tabs} parts.tabs
 * @param {Reports} parts.reports
 */
export function createRemoval({ cache, memory, flights, tabs, reports }) {
  /** @type {DeleteCachedImage} */
  async function deleteCachedImage(id) {
    tabs.join();
    const wasInMemory = memory.remove(id);
    await flights.void(id);
    const wasStored = await reports.unlessUnavailable(cache.remove(id));
    tabs.tell({ type: "deleted", id });
    return wasStored || wasInMemory;
  }

  /** @type {Clear} */
  async function clear() {
    tabs.join();
    memory.clear();
    await flights.abortAll();
    await reports.unlessUnavailable(cache.clear());
    tabs.tell({ type: "cleared" });
  }

  /**
   * Follow another tab.
   *
   * @param {Notice} notice
   */
  function hear({ type, id = "" }) {
    cache.forget();
    if (type === "deleted") {
      memory.remove(id);
      flights.void(id);
    } else if (type === "cleared") {
      memory.clear();
      flights.abortAll();
    }
  }

  return { deleteCachedImage, clear, hear };
}
