/** One image: out of memory, else by a flight that it shares with whoever else asks for it meanwhile. */
import type { ImageCache } from "../cache/cache.js";
import type { ImageRecord } from "../format/records.js";
import type { ImageOptions, Options } from "../options/options.js";
import type { Flight } from "./in-flight.js";
import type { Load, Plan } from "./load.js";
import type { Memory } from "./memory.js";
import type { Tabs } from "./tabs.js";
/** @import { ImageCache } from "../cache/cache.js" */
/** @import { ImageRecord } from "../format/records.js" */
/** @import { ImageOptions, Options } from "../options/options.js" */
/** @import { Flight } from "./in-flight.js" */
/** @import { Load, Plan } from "./load.js" */
/** @import { Memory } from "./memory.js" */
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
    getImage: (record: ImageRecord, imageOptions?: ImageOptions) => Promise<Blob>;
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
