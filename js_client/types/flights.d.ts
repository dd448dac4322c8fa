/** Images under way: the callers of one version share one flight, which ends early where all of them have gone. */
export type Flight<Plan> = Plan & {
    id: string;
    token: number;
    isVoid: boolean;
    waiting: number;
    controller: AbortController;
    image: Promise<Blob>;
    stored?: Promise<unknown>;
};
export type Flights<Plan extends {
    id: string;
    token: number;
}> = ReturnType<typeof createFlights<Plan>>;
/**
 * `isVoid`: the image was deleted meanwhile; it is delivered, and not kept. `stored` settles when it is kept.
 *
 * @template Plan
 * @typedef {Plan & {id: string, token: number, isVoid: boolean, waiting: number, controller: AbortController,
 *   image: Promise<Blob>, stored?: Promise<unknown>}} Flight
 */
/**
 * @template {{id: string, token: number}} Plan
 * @typedef {ReturnType<typeof createFlights<Plan>>} Flights
 */
/**
 * Make an empty set of flights.
 *
 * @template {{id: string, token: number}} Plan
 * @param {(flight: Flight<Plan>, signal: AbortSignal) => Promise<Blob>} fly
 */
export declare function createFlights<Plan extends {
    id: string;
    token: number;
}>(fly: (flight: Flight<Plan>, signal: AbortSignal) => Promise<Blob>): {
    /**
     * The flight of this version, a new one where none is under way.
     *
     * @param {Plan} plan
     */
    of: (plan: Plan) => Flight<Plan>;
    start: (plan: Plan) => Flight<Plan>;
    /**
     * Wait for a flight.
     *
     * @param {Flight<Plan>} flight
     * @param {AbortSignal | undefined} signal
     */
    board(flight: Flight<Plan>, signal: AbortSignal | undefined): Promise<Blob>;
    /**
     * Keep nothing of the flights of an image; a later call starts a new one. Resolves when none of them stores any more.
     *
     * @param {string} id
     */
    void: (id: string) => Promise<unknown[]>;
    /** The same for all images. */
    voidAll: () => Promise<unknown[]>;
    /**
     * The same, and the flights end; those who wait are told the reason.
     *
     * @param {DOMException} reason
     */
    abortAll(reason: DOMException): Promise<unknown[]>;
};
/**
 * What `work` resolves to, unless the signal is aborted before.
 *
 * @template Result
 * @param {AbortSignal} signal
 * @param {() => Promise<Result>} work
 * @returns {Promise<Result>}
 */
export declare function unlessAborted<Result>(signal: AbortSignal, work: () => Promise<Result>): Promise<Result>;
