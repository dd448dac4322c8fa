/** Retries: the views of a page that failed because of the network or the server try again together, in one batch. */

/** Each further pause is twice as long. */
const FIRST_PAUSE_MS = 10_000;

/** After this many failures in a row, about ten minutes, only the `online` event and `retry` try again. */
const MOST_FAILURES = 6;

/** Random pause after the `online` event, so that pages that were offline together do not retry together. */
const ONLINE_PAUSE_MS = 1000;

/** @type {Set<() => void>} */
const waiting = new Set();
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

function tryAll() {
  timer = undefined;
  const due = [...waiting];
  waiting.clear();
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
  waiting.add(retry);
  globalThis.addEventListener?.("online", onOnline);
  if (failures < MOST_FAILURES) {
    timer ??= setTimeout(tryAll, FIRST_PAUSE_MS * 2 ** failures * (0.5 + Math.random()));
    // In Node.js a timer would keep the program alive.
    Object(timer).unref?.();
  }
  return () => void waiting.delete(retry);
}
