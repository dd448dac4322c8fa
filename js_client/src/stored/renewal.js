/** Looks for newer versions of the pictures that were shown without the application, once it can be reached again. */

import { isOf } from "../format/ids.js";

/** @import { ImageRecord } from "../format/records.js" */
/** @import { Removed } from "../images/removal.js" */

/** Each further pause is twice as long. */
const FIRST_PAUSE_MS = 10_000;

/** After this many attempts, about ten minutes, only the `online` event causes another one. */
const MOST_ATTEMPTS = 6;

/** Random pause after the `online` event, so that pages that were offline together do not ask together. */
const ONLINE_PAUSE_MS = 1000;

/**
 * @param {{getRecord: (id: string, context: unknown) => Promise<ImageRecord>}} online  `getRecord` notes the image again
 *   if the application can't be reached
 * @param {(listener: (removed: Removed) => void) => void} onRemoved
 * @param {(id: string, record: ImageRecord) => Promise<unknown>} renew  replaces the versions before this record's
 * @returns {(id: string, context: unknown) => void}  notes that the last version of an image was shown
 */
export function createRenewal(online, onRemoved, renew) {
  /** @type {Map<string, {context: unknown}>}  by id */
  const shown = new Map();
  let attempts = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  onRemoved((removed) => {
    // Views load these images anyway, or not at all after clear().
    for (const id of shown.keys()) if (isOf(id, /** @type {{id?: string}} */ (removed).id)) shown.delete(id);
  });

  /** @param {[string, {context: unknown}]} noted */
  async function ask([id, noted]) {
    const record = await online.getRecord(id, noted.context).catch(() => undefined);
    // It was noted again, or removed in another tab.
    if (shown.get(id) !== noted) return;
    shown.delete(id);
    if (record) await renew(id, record);
  }

  async function askForAll() {
    timer = undefined;
    attempts += 1;
    await Promise.all([...shown].map(ask));
    if (!shown.size) attempts = 0;
  }

  function onOnline() {
    clearTimeout(timer);
    timer = setTimeout(askForAll, ONLINE_PAUSE_MS * Math.random());
  }

  return (id, context) => {
    // A worker shows nothing.
    if (!globalThis.document) return;
    shown.set(id, { context });
    globalThis.addEventListener?.("online", onOnline);
    if (attempts >= MOST_ATTEMPTS) return;
    timer ??= setTimeout(askForAll, FIRST_PAUSE_MS * 2 ** attempts * (0.5 + Math.random()));
    // In Node.js a timer would keep the program alive.
    Object(timer).unref?.();
  };
}
