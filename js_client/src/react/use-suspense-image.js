/**
 * A hook that suspends until an image can be shown. React drops the state of a suspended rendering, so images stay
 * here.
 */

import { useContext, useSyncExternalStore } from "react";

import { PixstoreError } from "../index.js";
import { createPlace, keyOf } from "../view/place.js";
import { IDLE } from "../view/view.js";
import { ClientContext } from "./use-image.js";

/** @import { PlaceOptions, PlaceState } from "../view/place.js" */
/** @import { Source, ViewClient, ViewState } from "../view/index.js" */

/** @typedef {ReturnType<typeof createSharedImage>} SharedImage */

const UNSEEN_MS = 60_000; // how long a suspended rendering may take to continue
const FAILED_MS = 500; // React renders a failed component again before the error boundary gets the error

/** @type {WeakMap<ViewClient, Map<string, SharedImage>>} */
const imagesOf = new WeakMap();

/**
 * Return the shared image of a version and size, which is kept while a component uses it.
 *
 * @param {ViewClient} client
 * @param {Source} source
 * @param {PlaceOptions} options
 * @returns {SharedImage}
 */
function sharedImage(client, source, options) {
  const images = imagesOf.get(client) ?? new Map();
  imagesOf.set(client, images);
  const key = keyOf(source, options);
  if (!images.has(key)) {
    const image = createSharedImage(client, () => images.delete(key));
    images.set(key, image);
    image.load(source, options);
  }
  return images.get(key);
}

/**
 * @param {ViewClient} client
 * @param {() => unknown} forget
 */
function createSharedImage(client, forget) {
  /** @type {PlaceState} */
  let state = IDLE;
  /** @type {Promise<void> | undefined} */
  let pending;
  /** @type {(value: void) => void} */
  let settle = () => {};
  /** @type {Set<() => void>} */
  const users = new Set();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  const place = createPlace(client, (next) => {
    state = next;
    if (state.status === "loading" && !state.url) {
      pending ??= new Promise((resolve) => (settle = resolve));
    } else {
      pending = undefined;
      settle();
      endIn(UNSEEN_MS);
    }
    users.forEach((tell) => tell());
  });

  /**
   * End the image after a time, unless a component uses it then.
   *
   * @param {number} ms
   */
  function endIn(ms) {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (users.size) return;
      forget();
      place.update();
      clearTimeout(timer);
    }, ms);
  }

  return {
    load: place.update,
    endIn,
    /** @throws {Promise<void>} while there is nothing to show */
    read() {
      if (pending) throw pending;
      return state;
    },
    /** @param {() => void} tell */
    subscribe(tell) {
      users.add(tell);
      return () => {
        users.delete(tell);
        // Not at once, because React unsubscribes and subscribes again when it moves a component or in strict mode.
        endIn(0);
      };
    },
  };
}

/**
 * Get the image of a record, or of an id, once it can be shown. An error is thrown; a rendering half a second later
 * tries again.
 *
 * @param {Source} source
 * @param {PlaceOptions} [options]
 * @returns {ViewState}  with a `url`, or without one after a sign-out
 * @throws {PixstoreError}  also on a server, so that React renders the fallback of `<Suspense>`
 */
export function useSuspenseImage(source, options = {}) {
  if (!globalThis.document) {
    throw new PixstoreError("a server shows no images: put <Suspense> around this");
  }
  const image = sharedImage(useContext(ClientContext), source, options);
  const state = useSyncExternalStore(image.subscribe, image.read, image.read);
  if (state.status === "error") {
    image.endIn(FAILED_MS);
    throw state.error;
  }
  return state;
}
