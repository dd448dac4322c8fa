/** One image: out of memory, else by a flight that it shares with whoever else asks for it meanwhile. */
import type { ImageCache } from "./cache.js";
import type { Flight } from "./flights.js";
import type { Load, Plan } from "./load.js";
import type { Memory } from "./memory.js";
import type { Options } from "./options.js";
import type { Tabs } from "./tabs.js";
/** @import { ImageCache } from "./cache.js" */
/** @import { Client } from "./client.js" */
/** @import { Flight } from "./flights.js" */
/** @import { Load, Plan } from "./load.js" */
/** @import { Memory } from "./memory.js" */
/** @import { Options } from "./options.js" */
/** @import { Tabs } from "./tabs.js" */
/**
 * @param {object} parts
 * @param {Readonly<Options>} parts.options
 * @param {ImageCache} parts.cache
 * @param {Memory} parts.memory
 * @param {Tabs} parts.tabs
 * @param {Load} parts.load
 */
export declare function createGetImage({ options, cache, memory, tabs, load }: {
    options: Readonly<Options>;
    cache: ImageCache;
    memory: Memory;
    tabs: Tabs;
    load: Load;
}): {
    getImage: (record: import("./records.js").ImageRecord, options?: import("./options.js").ImageOptions) => Promise<Blob>;
    flights: {
        of(plan: Plan): Flight<Plan>;
        board(flight: Flight<Plan>, signal: AbortSignal | undefined): Promise<Blob>;
        voidAll: (id?: string) => void;
        abortAll(reason: DOMException, at?: number): void;
    };
    counts: {
        hits: number;
        downloads: number;
    };
};
