/**
 * Collect calls and answer them together: those of one tick, or, where answers must not overlap, also those that come
 * in while the last answer is on its way.
 *
 * @template Item, Result
 * @param {(items: Item[]) => Promise<(Result | Promise<Result>)[]>} answer  results in the order of the items
 * @param {number} most  items of one answer
 * @param {object} [manner]
 * @param {boolean} [manner.isInTurn]  answers must not overlap
 * @param {number} [manner.pauseMs]  calls that follow within it are answered together, too
 * @returns {(item: Item) => Promise<Result>}
 */
export function coalesce(answer, most, { isInTurn = false, pauseMs = 0 } = {}) {
  /** @type {{item: Item, resolve: (result: any) => void, reject: (error: unknown) => void}[]} */
  const calls = [];
  /** @type {Promise<unknown>} */
  let ready = Promise.resolve();
  const moment = () => (pauseMs ? new Promise((resolve) => setTimeout(resolve, pauseMs)) : ready);

  async function flush() {
    const taken = calls.splice(0, most);
    const answered = answer(taken.map(({ item }) => item));
    const settled = answered.then(
      (results) => taken.forEach(({ resolve }, index) => resolve(results[index])),
      (error) => taken.forEach(({ reject }) => reject(error)),
    );
    if (isInTurn) ready = settled;
    if (calls.length) moment().then(flush);
  }

  return (item) =>
    new Promise((resolve, reject) => {
      if (calls.push({ item, resolve, reject }) === 1) moment().then(flush);
    });
}
