/** The outcomes of a request: the first byte of every wire payload. */
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
 * Return the name of a state in the protocol, e.g. "InvalidProof", or undefined for an unknown byte.
 *
 * @param {number} state
 * @returns {string | undefined}
 */
export declare const stateName: (state: number) => string | undefined;
