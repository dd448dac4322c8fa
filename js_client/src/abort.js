/**
 * Wait for `work`, but reject as soon as the signal is aborted.
 *
 * @template Result
 * @param {AbortSignal} signal
 * @param {() => Promise<Result>} work  is not called if the signal is aborted already
 * @returns {Promise<Result>}  the result of `work`; rejects with the signal's reason
 */
export function unlessAborted(signal, work) {
  return new Promise((resolve, reject) => {
    const leave = () => reject(signal.reason);
    if (signal.aborted) return leave();
    signal.addEventListener("abort", leave);
    work()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener("abort", leave));
  });
}
