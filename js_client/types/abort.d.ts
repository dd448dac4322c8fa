/**
 * Wait for `work`, but reject as soon as the signal is aborted.
 *
 * @template Result
 * @param {AbortSignal} signal
 * @param {() => Promise<Result>} work  is not called if the signal is aborted already
 * @returns {Promise<Result>}  the result of `work`; rejects with the signal's reason
 */
export declare function unlessAborted<Result>(signal: AbortSignal, work: () => Promise<Result>): Promise<Result>;
