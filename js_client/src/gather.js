/**
 * Collect calls and answer them together: those of one tick, or, where answers must not overlap, also those that come
 * in while the last answer is on its way.
 *
 * @template Item, Result
 * @param {(items: Item[]) => Promise<(Result | Promise<Result>)[]>} answer  results in the order of the items
 * @param {boolean} [isInTurn]  answers must not overlap
 * @returns {(item: Item) => Promise<Result>}
 */
export function gather(answer, isInTurn = false) {
  /** @type {{item: Item, resolve: (result: any) => void, reject: (error: unknown) => void}[]} */
  const calls = [];
  /** @type {Promise<unknown>} */
  let ready = Promise.resolve();

  async function flush() {
    const taken = calls.splice(0, MOST);
    const answered = answer(taken.map(({ item }) => item));
    const settled = answered.then(
      (results) => taken.forEach(({ resolve }, index) => resolve(results[index])),
      (error) => taken.forEach(({ reject }) => reject(error)),
    );
    if (isInTurn) ready = settled;
    if (calls.length) ready.then(flush);
  }

  return (item) =>
    new Promise((resolve, reject) => {
      if (calls.push({ item, resolve, reject }) === 1) ready.then(flush);
    });
}

/** As many images as go out in one request. */
const MOST = 25;
