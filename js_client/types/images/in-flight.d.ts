/** Images under way: the callers of one version share one load, which ends early where all of them have gone. */
import type { TimeLimit } from "../network/time-limit.js";
import type { Load, Loaded, Plan } from "./load.js";
import type { Memory } from "./memory.js";
export type Flight = {
    plan: Plan;
    isVoid: boolean;
    /**
     * callers
     */
    waiting: number;
    controller: AbortController;
    limit: TimeLimit;
    loaded: Promise<Loaded>;
};
export type InFlight = ReturnType<typeof createInFlight>;
/** @import { TimeLimit } from "../network/time-limit.js" */
/** @import { Load, Loaded, Plan } from "./load.js" */
/** @import { Memory } from "./memory.js" */
/**
 * One load, and who waits for it. `isVoid`: the image was deleted meanwhile; it is delivered, and not kept.
 *
 * @typedef {object} Flight
 * @property {Plan} plan
 * @property {boolean} isVoid
 * @property {number} waiting  callers
 * @property {AbortController} controller
 * @property {TimeLimit} limit
 * @property {Promise<Loaded>} loaded
 */
/** @typedef {ReturnType<typeof createInFlight>} InFlight */
/**
 * @param {object} parts
 * @param {Load} parts.load
 * @param {Memory} parts.memory  keeps what was loaded
 * @param {{hits: number, downloads: number}} parts.counts
 * @param {number} parts.timeoutMs  how long an image may show no sign of life
 */
export declare function createInFlight({ load, memory, counts, timeoutMs }: {
    load: Load;
    memory: Memory;
    counts: {
        hits: number;
        downloads: number;
    };
    timeoutMs: number;
}): {
    /**
     * The image of a plan, by the load of this version that is under way, else by a new one. Who fails with another's
     * record or context tries again, in company where there is any, until it fails with its own.
     *
     * @param {Plan} plan
     * @param {AbortSignal | undefined} signal  leaves it
     * @returns {Promise<Blob>}  rejects with the reason where all were aborted since it was asked for
     */
    share(plan: Plan, signal: AbortSignal | undefined): Promise<Blob>;
    voidAll: (id?: string) => void;
    /**
     * End all; those who wait are told the reason, and so are those who were asking before and come again.
     *
     * @param {DOMException} reason
     * @param {number} [at]  Infinity: no load starts any more
     */
    abortAll(reason: DOMException, at?: number): void;
};
