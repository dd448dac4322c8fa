/**
 * The other tabs of this origin: told what is cached and deleted, and kept from downloading what one of them does.
 *
 * What they hear is a namespace, an id and a token, in messages and in the names of channel and locks; never a key, a
 * proof or a byte of an image.
 */

import { coalesce } from "../coalesce.js";
import { BATCH_LIMIT } from "../format/batch.js";
import { isStored } from "../options/options.js";

/** @import { CacheKind } from "../options/options.js" */

/**
 * What another tab says that it does, "deleted" and "cleared", or has done.
 *
 * @typedef {{type: "stored" | "deleted" | "cleared" | "emptied", id?: string}} Notice
 */

/** @typedef {{id: string, token: number}} Version */

/** @typedef {ReturnType<typeof createTabs>} Tabs */

/** The other tab may have put the image behind others, or hang. */
const WAIT_LIMIT_MS = 5000;

/** Within this time the other tabs have answered a new one. */
const ANSWER_MS = 20;

/** What waited for one tab goes on in one tick: its locks end together, but each in a task of its own. */
const TOGETHER_MS = 5;

/**
 * Nothing is opened before the first use.
 *
 * @param {{databaseName: string, namespace: string, cache: CacheKind}} options
 * @param {(notice: Notice) => void} onNotice  of a client with the same database and namespace
 */
export function createTabs({ databaseName, namespace, cache }, onNotice) {
  const name = `pixstore-asgi ${databaseName} ${namespace}`;
  // Waiting for another tab's download is of use where it leaves the image in storage.
  const locks = isStored(cache) ? globalThis.navigator?.locks : undefined;
  /** @type {BroadcastChannel | undefined} */
  let channel;
  let hasLeft = false;
  /** When it is known that there are no others, if none is heard of. */
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
    // A page that the browser had put away has heard nothing meanwhile.
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
          if (data === "joined") channel?.postMessage("here");
          else if (data?.type) onNotice(data);
        };
        channel.postMessage("joined");
        aloneFrom = performance.now() + ANSWER_MS;
        // In Node.js an open channel would keep the program alive.
        Object(channel).unref?.();
      } catch {
        // The browser forbids site data, so the tabs share no cache either.
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
     * The right to download a version, as the function that gives it back; nothing where another tab had it, which has
     * finished by now. Claims made in one tick are answered in one; nobody waits for a slow tab for long.
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
      await (together ??= new Promise((go) => setTimeout(() => go((together = undefined)), TOGETHER_MS)));
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
    // A sandboxed frame has no locks, nor other tabs.
    request.catch(() => resolve(() => {}));
  });
