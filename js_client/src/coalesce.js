/** Answers calls together: one batch of images, one IndexedDB transaction, one request for records. */

/** The most images in one batch: the server's limit. As many are read, written and claimed together. */
export const BATCH_LIMIT = 25;

/** The frames of one batch arrive one after another. Their follow-up work waits this long and is done together. */
export const FRAMES_MS = 20;

/**
 * Wait.
 *
 * @param {number} ms
 */
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Make a function that collects calls and answers them together.
 *
 * @template Item, Result
 * @param {(items: Item[]) => Promise<(Result | Promise<Result>)[]>} answer  resolves to the results in the order of the
 *   items
 * @param {number} most  the most items per answer
 * @param {object} [timing]  default: the calls of one tick are answered together
 * @param {boolean} [timing.isInTurn]  answers must not overlap: calls wait until the previous answer is complete
 * @param {number} [timing.pauseMs]  the first call waits this many milliseconds for further calls
 * @returns {(item: Item) => Promise<Result>}
 */
export function coalesce(answer, most, { isInTurn = false, pauseMs = 0 } = {}) {
  /** @type {{item: Item, resolve: (result: any) => void, reject: (error: unknown) => void}[]} */
  const calls = [];
  /** @type {Promise<unknown>} */
  let ready = Promise.resolve();
  const pause = () => (pauseMs ? sleep(pauseMs) : ready);

  async function flush() {
    const taken = calls.splice(0, most);
    const answered = answer(taken.map(({ item }) => item));
    const settled = answered.then(
      (results) => taken.forEach(({ resolve }, index) => resolve(results[index])),
      (error) => taken.forEach(({ reject }) => reject(error)),
    );
    if (isInTurn) ready = settled;
    if (calls.length) pause().then(flush);
  }

  return (item) =>
    new Promise((resolve, reject) => {
      if (calls.push({ item, resolve, reject }) === 1) pause().then(flush);
    });
}
