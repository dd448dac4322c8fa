/** The loading order of a page: pictures of low priority, such as those out of sight, load after the others. */

/** @type {Set<object>}  views that are loading at a higher priority */
const ahead = new Set();
/** @type {Set<(value?: unknown) => void>}  each resolves a waiting load */
const waiting = new Set();

/**
 * Note whether loads of low priority must wait for a view.
 *
 * @param {object} view
 * @param {boolean} isAhead
 */
export function setAhead(view, isAhead) {
  ahead[isAhead ? "add" : "delete"](view);
  if (ahead.size) return;
  waiting.forEach((go) => go());
  waiting.clear();
}

/**
 * Wait until no view is loading at a higher priority.
 *
 * @param {AbortSignal} signal  ends the wait
 */
export async function untilFirst(signal) {
  for (;;) {
    // The observers of one frame report near and visible pictures within one task, in any order.
    await new Promise((go) => setTimeout(go));
    if (!ahead.size || signal.aborted) return;
    await new Promise((/** @type {(value?: any) => void} */ go) => {
      waiting.add(go);
      signal.addEventListener("abort", () => go(waiting.delete(go)));
    });
  }
}
