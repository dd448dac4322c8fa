/**
 * Collect the ids that come in while a transaction runs, so that a page full of cached images needs two or three
 * transactions to note their use, and not one for each image.
 *
 * @param {(ids: string[]) => Promise<void>} mark
 * @returns {(id: string) => Promise<void>}
 */
export function createToucher(mark) {
  /** @type {Set<string>} */
  const waiting = new Set();
  let isMarking = false;

  return async (id) => {
    waiting.add(id);
    if (isMarking) return;
    isMarking = true;
    try {
      while (waiting.size > 0) await mark(takeAll(waiting));
    } finally {
      isMarking = false;
    }
  };
}

/** @param {Set<string>} ids */
function takeAll(ids) {
  const taken = [...ids];
  ids.clear();
  return taken;
}
