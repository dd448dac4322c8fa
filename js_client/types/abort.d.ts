/**
 * What `work` resolves to, unless the signal is aborted before.
 *
 * @template Result
 * @param {AbortSignal} signal
 * @param {() => Promise<Result>} work
 * @returns {Promise<Result>}
 */
export declare function unlessAborted<Result>(signal: AbortSignal, work: () => Promise<Result>): Promise<Result>;
