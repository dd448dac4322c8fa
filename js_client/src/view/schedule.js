/**
 * When the views of a page load: pictures of low priority, such as those out of sight, load after the others. Views that
 * failed because of the network or the server try again together, in one batch.
 */

/** @type {Set<object>}  views that are loading at a higher priority */
const ahead = new Set();
/** @type {Set<(value?: any) => void>}  each resolves a waiting load */
const queued = new Set();

/** Let all waiting loads go on in one tick, so that one batch requests them. */
function release() {
  if (ahead.size) return;
  queued.forEach((go) => go());
  queued.clear();
}

/**
 * Note whether loads of low priority must wait for a view.
 *
 * @param {object} view
 * @param {boolean} isAhead
 */
export function setAhead(view, isAhead) {
  ahead[isAhead ? "add" : "delete"](view);
  if (queued.size) setTimeout(release);
}

/**
 * Wait until no view is loading at a higher priority.
 *
 * @param {AbortSignal} signal  ends the wait
 */
export function untilFirst(signal) {
  // The observers of one frame report near and visible pictures within one task, in any order.
  setTimeout(release);
  return new Promise((go) => {
    queued.add(go);
    signal.addEventListener("abort", go);
  });
}

/** Each further pause is twice as long. */
const FIRST_PAUSE_MS = 10_000;

/** After this many failures in a row, about ten minutes, only the `online` event and `retry` try again. */
const MOST_FAILURES = 6;

/** Random pause after the `online` event, so that pages that were offline together do not retry together. */
const ONLINE_PAUSE_MS = 1000;

/** @type {Set<() => void>}  each tries a failed view again */
const failed = new Set();
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

function tryAll() {
  timer = undefined;
  const due = [...failed];
  failed.clear();
  due.forEach((retry) => retry());
}

function onOnline() {
  clearTimeout(timer);
  timer = setTimeout(tryAll, ONLINE_PAUSE_MS * Math.random());
}

/**
 * Whether a retry may show the image. A refused image stays refused.
 *
 * @param {any} error
 */
export const mayComeLater = (error) => /^(Fetch|Server)Error$/.test(error?.name) && !(error.status < 500);

/**
 * Call `retry` after a pause, or when the browser is online again.
 *
 * @param {() => void} retry
 * @param {number} failures  in a row, before this one
 * @returns {() => void}  cancels the retry
 */
export function tryLater(retry, failures) {
  failed.add(retry);
  globalThis.addEventListener?.("online", onOnline);
  if (failures < MOST_FAILURES) {
    timer ??= setTimeout(tryAll, FIRST_PAUSE_MS * 2 ** failures * (0.5 + Math.random()));
    // In Node.js a timer would keep the program alive.
    /** @type {any} */ (timer).unref?.();
  }
  return () => void failed.delete(retry);
}
