/** Images under way: the callers of one version share one flight, which ends early where all of them have gone. */
export type Flight<Plan> = Plan & {
    id: string;
    token: number;
    since: number;
    isVoid: boolean;
    waiting: number;
    controller: AbortController;
    image: Promise<Blob>;
    stored?: Promise<unknown>;
};
export type Flights<Plan extends {
    id: string;
    token: number;
    since: number;
}> = ReturnType<typeof createFlights<Plan>>;
/**
 * `since`: when it was asked for, by the rising clock. `isVoid`: the image was deleted meanwhile; it is delivered, and not
 * kept. `stored` settles when it is kept.
 *
 * @template Plan
 * @typedef {Plan & {id: string, token: number, since: number, isVoid: boolean, waiting: number,
 *   controller: AbortController, image: Promise<Blob>, stored?: Promise<unknown>}} Flight
 */
/**
 * @template {{id: string, token: number, since: number}} Plan
 * @typedef {ReturnType<typeof createFlights<Plan>>} Flights
 */
/**
 * Make an empty set of flights.
 *
 * @template {{id: string, token: number, since: number}} Plan
 * @param {(flight: Flight<Plan>, signal: AbortSignal) => Promise<Blob>} fly
 */
export declare function createFlights<Plan extends {
    id: string;
    token: number;
    since: number;
}>(fly: (flight: Flight<Plan>, signal: AbortSignal) => Promise<Blob>): {
    /**
     * The flight of this version, a new one where none is under way.
     *
     * @param {Plan} plan
     * @throws {DOMException} the reason, where all were aborted since it was asked for
     */
    of(plan: Plan): Flight<Plan>;
    /**
     * Wait for a flight.
     *
     * @param {Flight<Plan>} flight
     * @param {AbortSignal | undefined} signal
     */
    board(flight: Flight<Plan>, signal: AbortSignal | undefined): Promise<Blob>;
    voidAll: (id?: string) => void;
    /**
     * End all; those who wait are told the reason, and so are those who were asking before and come again.
     *
     * @param {DOMException} reason
     * @param {number} [at]  Infinity: nobody starts any more
     */
    abortAll(reason: DOMException, at?: number): void;
};
