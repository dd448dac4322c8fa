/** Removes images from memory, from the cache, from the loads under way and from other tabs. */

import { expireCookie } from "../crypto/cookie.js";

/** @import { ImageCache } from "../cache/cache.js" */
/** @import { Recipient } from "../crypto/recipient.js" */
/** @import { InFlight } from "./in-flight.js" */
/** @import { Memory } from "./memory.js" */
/** @import { Reported } from "./storage-failures.js" */
/** @import { Notice, Tabs } from "./tabs.js" */

/**
 * Images were removed: one image with its variants was deleted, everything was cleared, or memory was emptied because
 * the page returned from the back-forward cache or its client was replaced.
 *
 * @typedef {{type: "deleted", id: string} | {type: "cleared" | "emptied"}} Removed
 */

/**
 * @param {object} parts
 * @param {Recipient} parts.recipient
 * @param {ImageCache} parts.cache
 * @param {Memory} parts.memory
 * @param {InFlight} parts.inFlight
 * @param {Tabs} parts.tabs
 * @param {Reported} parts.reported
 */
export function createRemoval({ recipient, cache, memory, inFlight, tabs, reported }) {
  /** @type {Set<(removed: Removed) => void>} */
  const listeners = new Set();

  /** @param {string} id */
  async function deleteCachedImage(id) {
    tabs.join();
    const wasInMemory = memory.remove(id);
    // Announce at once, because the storage may fail or be slow, and again once no tab can read the image from storage.
    announce({ type: "deleted", id });
    // A write under way completes before the removal, or stores nothing.
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
   * Follow a notice of this tab or of another one. A notice of an unknown type empties the memory, because it may come
   * from a newer client.
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
      if (type === "cleared") {
        recipient.forget();
        expireCookie();
        inFlight.abortAll(cleared());
      } else inFlight.voidAll();
    }
    for (const tell of [...listeners]) {
      // A listener's error becomes an unhandled rejection in the page and does not stop the other listeners.
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
