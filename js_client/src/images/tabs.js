/**
 * Coordinates the tabs of this origin: they learn of stored and removed images, and one tab downloads an image for all.
 *
 * Messages and the names of channel and locks contain a namespace, an id and a token, never a key, a proof or image
 * bytes.
 */

import { BATCH_LIMIT, coalesce, sleep } from "../coalesce.js";
import { isStored } from "../options/options.js";

/** @import { CacheKind } from "../options/options.js" */

/**
 * A message of another tab. "deleted" and "cleared" announce a removal; "stored" and "emptied" report a change.
 *
 * @typedef {{type: "stored" | "deleted" | "cleared" | "emptied", id?: string}} Notice
 */

/** @typedef {{id: string, token: number}} Version */

/** @typedef {ReturnType<typeof createTabs>} Tabs */

/** The longest wait for another tab, which may load other images first, or hang. */
const WAIT_LIMIT_MS = 5000;

/** Other tabs answer a new tab within this time. */
const ANSWER_MS = 20;

/** Locks that end together end in a task each. Their waiters continue in one tick after this time, as one batch. */
const TOGETHER_MS = 5;

/**
 * Nothing is opened before `join` or `claim`.
 *
 * @param {{databaseName: string, namespace: string, cache: CacheKind}} options
 * @param {(notice: Notice) => void} onNotice  of a client with the same database and namespace
 */
export function createTabs({ databaseName, namespace, cache }, onNotice) {
  const name = `pixstore-asgi ${databaseName} ${namespace}`;
  // Waiting for another tab's download helps only if that tab stores the image.
  const locks = isStored(cache) ? globalThis.navigator?.locks : undefined;
  /** @type {BroadcastChannel | undefined} */
  let channel;
  let hasLeft = false;
  /** From this time on, this tab is known to be the only one, unless a message arrives. */
  let aloneFrom = Infinity;
  /** @type {Promise<void> | undefined} */
  let together;

  /** @param {Version} version */
  const lockOf = ({ id, token }) => `${name} ${id} ${token}`;

  /** @param {Version[]} versions */
  const tryClaims = (versions) =>
    Promise.all(versions.map((version) => tryLock(/** @type {LockManager} */ (locks), lockOf(version))));
  const tryClaim = coalesce(tryClaims, BATCH_LIMIT);

  /** @param {PageTransitionEvent} event */
  const onReturn = ({ persisted }) => {
    // A page in the back-forward cache receives no messages.
    if (!persisted) return;
    aloneFrom = Infinity;
    onNotice({ type: "emptied" });
  };

  return {
    /** Listen to the other tabs. */
    join() {
      if (channel || hasLeft) return;
      globalThis.addEventListener?.("pageshow", onReturn);
      try {
        channel = new BroadcastChannel(name);
        channel.onmessage = ({ data }) => {
          aloneFrom = Infinity;
          // Any message shows the new tab that it is not the only one.
          if (data === "joined") channel?.postMessage(0);
          else if (data?.type) onNotice(data);
        };
        channel.postMessage("joined");
        aloneFrom = performance.now() + ANSWER_MS;
        // In Node.js an open channel would keep the program alive.
        /** @type {any} */ (channel).unref?.();
      } catch {
        // The browser forbids site data, so the tabs share no cache.
      }
    },

    leave() {
      globalThis.removeEventListener?.("pageshow", onReturn);
      channel?.close();
      channel = undefined;
      hasLeft = true;
    },

    isAlone: () => performance.now() > aloneFrom,

    /** @param {Notice} notice */
    tell: (notice) => channel?.postMessage(notice),

    /**
     * Claim the download of a version. Resolves to the function that releases the claim, or, after another tab's
     * download has ended or `WAIT_LIMIT_MS` have passed, to undefined. Claims of one tick are answered in one tick.
     *
     * @param {Version} version
     * @param {AbortSignal} signal
     */
    async claim(version, signal) {
      if (!locks) return () => {};
      const release = await tryClaim(version);
      if (release) return release;
      const limit = AbortSignal.timeout(WAIT_LIMIT_MS);
      const options = { mode: /** @type {const} */ ("shared"), signal: AbortSignal.any([signal, limit]) };
      await locks.request(lockOf(version), options, () => {}).catch(() => {});
      await (together ??= sleep(TOGETHER_MS).then(() => (together = undefined)));
      return undefined;
    },
  };
}

/**
 * @param {LockManager} locks
 * @param {string} name
 * @returns {Promise<(() => void) | undefined>}
 */
const tryLock = (locks, name) =>
  new Promise((resolve) => {
    const request = locks.request(name, { ifAvailable: true }, (lock) =>
      lock ? new Promise((/** @type {(value?: any) => void} */ release) => resolve(release)) : resolve(undefined),
    );
    // A sandboxed frame has neither locks nor other tabs.
    request.catch(() => resolve(() => {}));
  });
