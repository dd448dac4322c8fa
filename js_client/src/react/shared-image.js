/** Images that renderings wait for: React forgets what it throws away, so they are kept beside it. */

import { createPlace, keyOf } from "../view/place.js";
import { IDLE } from "../view/view.js";

/** @import { PlaceOptions, PlaceState } from "../view/place.js" */
/** @import { Source, ViewClient } from "../view/index.js" */

/** @typedef {ReturnType<typeof createSharedImage>} SharedImage */

const UNSEEN_MS = 60_000; // how long a rendering that was put off may come back

/** @type {WeakMap<ViewClient, Map<string, SharedImage>>} */
const imagesOf = new WeakMap();

/**
 * One of each version and size of an image, as long as somebody uses it.
 *
 * @param {ViewClient} client
 * @param {Source} source
 * @param {PlaceOptions} options
 * @returns {SharedImage}
 */
export function sharedImage(client, source, options) {
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
   * Unless somebody uses it by then.
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
    /** @throws what to wait for, while there is nothing to show */
    read() {
      if (pending) throw pending;
      return state;
    },
    /** @param {() => void} tell */
    subscribe(tell) {
      users.add(tell);
      return () => {
        users.delete(tell);
        // Later, for a component that is only moved or tried out is back at once.
        endIn(0);
      };
    },
  };
}
