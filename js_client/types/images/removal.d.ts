/** Removes images from memory, from the cache, from the loads under way and from other tabs. */
import type { ImageCache } from "../cache/cache.js";
import type { Recipient } from "../crypto/recipient.js";
import type { InFlight } from "./in-flight.js";
import type { Memory } from "./memory.js";
import type { Reported } from "./storage-failures.js";
import type { Notice, Tabs } from "./tabs.js";
export type Removed = {
    type: "deleted";
    id: string;
} | {
    type: "cleared" | "emptied";
};
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
export declare function createRemoval({ recipient, cache, memory, inFlight, tabs, reported }: {
    recipient: Recipient;
    cache: ImageCache;
    memory: Memory;
    inFlight: InFlight;
    tabs: Tabs;
    reported: Reported;
}): {
    deleteCachedImage: (id: string) => Promise<boolean>;
    clear: () => Promise<void>;
    onRemoved: (listener: (removed: Removed) => void) => () => undefined;
    hear: ({ type, id }: Notice) => void;
};
