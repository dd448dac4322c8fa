/** Stores images in the cache, evicts others to make room, and writes when images were used. */
import type { Entry } from "./cache.js";
import type { Limits } from "./eviction.js";
import type { Stores } from "./object-stores.js";
export type Writing = {
    entry: Entry;
    view: Uint8Array<ArrayBuffer>;
    since: number;
};
/**
 * @param {Stores} stores
 * @param {Limits & {namespace: string}} options
 */
export declare function createWriter(stores: Stores, { namespace, ...limits }: Limits & {
    namespace: string;
}): {
    touch: (id: string) => void;
    flush: () => void;
    write: (item: Writing) => Promise<any>;
};
