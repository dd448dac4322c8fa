/** How a request can end: the first byte of every wire payload. */
export declare const WireState: Readonly<{
    Success: 0;
    Updated: 1;
    NotFound: 2;
    MissingID: 3;
    MissingProof: 4;
    InvalidProof: 5;
    InternalError: 6;
}>;
export type WireStateNumber = typeof WireState[keyof typeof WireState];
/**
 * Name of a state as the protocol spells it, e.g. "InvalidProof"; undefined for a byte that is no state.
 *
 * @param {number} state
 * @returns {string | undefined}
 */
export declare const stateName: (state: number) => string | undefined;
