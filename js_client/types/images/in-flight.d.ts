/** Loads under way. The callers of one version share one load, which ends early if all of them have left. */
import type { ImageRequest } from "../network/request.js";
import type { Load } from "./load.js";
import type { Memory } from "./memory.js";
export type InFlight = ReturnType<typeof createInFlight>;
/** @import { ImageRequest } from "../network/request.js" */
/** @import { Load } from "./load.js" */
/** @import { Memory } from "./memory.js" */
/** @typedef {ReturnType<typeof createInFlight>} InFlight */
/**
 * @param {object} parts
 * @param {Load} parts.load
 * @param {Memory} parts.memory  keeps the loaded images
 * @param {{hits: number, downloads: number}} parts.counts
 */
export declare function createInFlight({ load, memory, counts }: {
    load: Load;
    memory: Memory;
    counts: {
        hits: number;
        downloads: number;
    };
}): {
    /**
     * Load the image of a request, or join the load of the same version. If a joined load fails because of its record
     * or context, try again, with the caller's own record in the end.
     *
     * @param {ImageRequest} request
     * @param {AbortSignal | undefined} signal  the caller leaves when it is aborted
     * @param {number} [asked]  the number of removals when the caller asked
     * @returns {Promise<Blob>}  rejects with the reason of `abortAll` if that was called meanwhile
     */
    share(request: ImageRequest, signal: AbortSignal | undefined, asked?: number): Promise<Blob>;
    voidAll: (id?: string) => void;
    /** Return the number of removals so far, for the argument `asked`. */
    count: () => number;
    /**
     * End all loads. Their callers get the reason, and so do callers that are between two loads.
     *
     * @param {DOMException} reason
     * @param {number} [at]  Infinity: no load may start any more
     */
    abortAll(reason: DOMException, at?: number): void;
};
