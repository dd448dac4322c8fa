/** The order of a page's pictures: those of low priority, as all out of sight are, load after the others. */

/** @type {Set<object>}  views that load at a higher priority */
const ahead = new Set();
/** @type {Set<(value?: unknown) => void>}  resolves each load that waits */
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
 * Wait until no view loads at a higher priority.
 *
 * @param {AbortSignal} signal  ends the wait
 */
export async function untilFirst(signal) {
  for (;;) {
    // The observers of one frame tell within one task, in any order, which pictures are near and which in sight.
    await new Promise((go) => setTimeout(go));
    if (!ahead.size || signal.aborted) return;
    await new Promise((/** @type {(value?: any) => void} */ go) => {
      waiting.add(go);
      signal.addEventListener("abort", () => go(waiting.delete(go)));
    });
  }
}
