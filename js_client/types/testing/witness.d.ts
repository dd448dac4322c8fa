/** Records the calls of a test client, and the loads, URLs and listeners still in use. */
import type { Client } from "../client.js";
import type { ObjectUrl } from "../images/object-urls.js";
export type Call = {
    name: keyof Client;
    id: string | undefined;
};
export type TestState = {
    loading: string[];
    shown: string[];
    listeners: number;
};
export type Witness = ReturnType<typeof createWitness>;
/** @import { Client } from "../client.js" */
/** @import { ObjectUrl } from "../images/object-urls.js" */
/**
 * A call of one of the client's functions; `id` is the image's, if the call concerns one.
 *
 * @typedef {{name: keyof Client, id: string | undefined}} Call
 */
/**
 * `loading` lists the ids of loads under way, `shown` an id for each object URL that was not released.
 *
 * @typedef {{loading: string[], shown: string[], listeners: number}} TestState
 */
/** @typedef {ReturnType<typeof createWitness>} Witness */
export declare function createWitness(): {
    calls: Call[];
    /** @returns {TestState} */
    state: () => TestState;
    /**
     * @param {keyof Client} name
     * @param {any} subject  a record or an id
     */
    note: (name: keyof Client, subject: any) => undefined;
    /**
     * @param {string} id
     * @param {Promise<unknown>} load
     */
    watch(id: string, load: Promise<unknown>): Promise<void>;
    /**
     * @param {string} id
     * @param {ObjectUrl} objectUrl
     * @returns {ObjectUrl}
     */
    hold(id: string, { url, release }: ObjectUrl): ObjectUrl;
    /** @param {() => void} end */
    listen(end: () => void): () => void;
};
