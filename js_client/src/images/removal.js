/** Images that go: from memory, from the cache, from what is under way, and from the other tabs. */

/** @import { ImageCache } from "../cache/cache.js" */
/** @import { InFlight } from "./in-flight.js" */
/** @import { Memory } from "./memory.js" */
/** @import { Reported } from "./storage-failures.js" */
/** @import { Notice, Tabs } from "./tabs.js" */

/** @typedef {{type: "deleted", id: string} | {type: "cleared" | "emptied"}} Removed  memory was emptied where a page comes back from sleep, or its client is replaced */

/**
 * @param {object} parts
 * @param {ImageCache} parts.cache
 * @param {Memory} parts.memory
 * @param {InFlight} parts.inFlight
 * @param {Tabs} parts.tabs
 * @param {Reported} parts.reported
 */
export function createRemoval({ cache, memory, inFlight, tabs, reported }) {
  /** @type {Set<(removed: Removed) => void>} */
  const listeners = new Set();

  /** @param {string} id */
  async function deleteCachedImage(id) {
    tabs.join();
    const wasInMemory = memory.remove(id);
    // At once, for the storage may fail or be slow, and again when nobody can read it from there any more.
    announce({ type: "deleted", id });
    // What is being stored at this moment is stored before the cache removes it, or not at all.
    const wasStored = await reported(cache.remove(id), true);
    announce({ type: "deleted", id });
    return wasStored || wasInMemory;
  }

  async function clear() {
    tabs.join();
    announce({ type: "cleared" });
    await reported(cache.clear(), true);
    announce({ type: "emptied" });
  }

  /** @param {Notice} notice */
  function announce(notice) {
    tabs.tell(notice);
    hear(notice);
  }

  /**
   * Follow what a tab does, this one or another; what that one says in words that are not known may be anything.
   *
   * @param {Notice} notice
   */
  function hear({ type, id }) {
    cache.forget();
    if (type === "stored") return;
    if (type === "deleted") {
      memory.remove(id);
      inFlight.voidAll(id);
    } else {
      memory.remove();
      if (type === "cleared") inFlight.abortAll(cleared());
      else inFlight.voidAll();
    }
    for (const tell of [...listeners]) {
      // At once, yet what a listener throws is the page's error, a rejection, and keeps nothing from the others.
      void new Promise(() => tell(/** @type {Removed} */ ({ type, id })));
    }
  }

  /** @param {(removed: Removed) => void} listener */
  function onRemoved(listener) {
    tabs.join();
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  return { deleteCachedImage, clear, onRemoved, hear };
}

const cleared = () => new DOMException("the cache was cleared", "AbortError");
