/** What stands in an element: an `<img>` with the picture, and before that a placeholder upon it. */

import { sizeFor } from "../view/variants.js";
import { createView, IDLE } from "../view/view.js";
import { paintedOf } from "./placeholder.js";
import { adoptStylesheet } from "./stylesheet.js";

/** @import { ImageRecord } from "../format/records.js" */
/** @import { View, ViewClient, ViewState } from "../view/view.js" */
/** @import { PixImage } from "./pix-image.js" */

/** While an element grows, no size is got that it has outgrown a moment later. */
const GROWN_MS = 150;

/** @type {Record<string, IntersectionObserver>}  by margin, for all elements: what comes near together is got together */
const screens = {};

/** @param {string} [rootMargin]  by default, the observer tells which elements are in sight */
const screenOf = (rootMargin) =>
  (screens[String(rootMargin)] ??= new IntersectionObserver(
    (entries) => {
      const name = rootMargin === undefined ? "isInSight" : "isNear";
      for (const { target, isIntersecting } of entries) {
        /** @type {PixImage} */ (target).connectedCallback({ [name]: isIntersecting });
      }
    },
    rootMargin === undefined ? {} : { rootMargin },
  ));

/** @typedef {{isNear?: boolean, isInSight?: boolean}} Position  changes of where an element is; near is within its margin */

/**
 * @param {PixImage} host
 * @returns {(position?: Position) => View}  to be called after each change of the element, its place in the page, or its
 *   position
 */
export function createPicture(host) {
  let img = new Image();
  /** @type {ViewClient | undefined} */
  let client;
  /** @type {IntersectionObserver | undefined} */
  let screen;
  /** Whether the author gave the `<img>` a size, which is not to be touched. */
  let isSized = false;
  /** @type {ImageRecord}  that which was given, or what an id has led to, once there is one */
  let known;
  let isNear = false;
  let isInSight = false;
  let isSettling = false;
  /** @type {View}  as soon as the element has been on a page */
  let view;
  /** The widest that this picture has been, in CSS pixels. */
  let widest = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let growing;

  // It tells before the screen's observer does, and so no layout is forced for each of the pictures that come near.
  const sizes = new ResizeObserver(() => {
    widest = Math.max(widest, img.clientWidth);
    clearTimeout(growing);
    growing = setTimeout(show, GROWN_MS);
  });

  function settle() {
    isSettling = false;
    if (!host.isConnected) return leave();
    adopt(host.querySelector(":scope>img:last-of-type"));
    if (client !== host.client) {
      leave();
      view = createView((client = host.client), change, () => {
        // Its key is not to stay on the page either.
        host.removeAttribute("record");
        host.removeAttribute("src-id");
        host.record = known = /** @type {any} */ (undefined);
      });
      change(IDLE);
    }
    sizes.observe(img);
    adoptStylesheet(host);
    layOut(host.record);
    img.alt = host.alt;
    if (screen !== screenOf(host.margin)) {
      screen?.unobserve(host);
      (screen = screenOf(host.margin)).observe(host);
      screenOf().observe(host);
    }
    show();
  }

  /** @param {HTMLImageElement | null} image  the last that is there: the author's, where there are two */
  function adopt(image) {
    if (image === img) return;
    leave();
    img.remove();
    img = image ?? img;
    host.alt ||= img.alt;
    isSized = Boolean(img.getAttribute("width"));
    // A copy of an element that was loading has a copy of its placeholder, which is empty.
    unveil();
    host.prepend(img);
  }

  /**
   * Take the room that the picture will have, as soon as that is known.
   *
   * @param {ImageRecord} [record]
   */
  function layOut(record) {
    known = record ?? known;
    if (isSized) return;
    const { width = 0, height = 0 } = known ?? {};
    const w = host.width || (host.height * width) / height || width;
    const h = host.height || (host.width * height) / width || height;
    if (w) img.width = w;
    if (h) img.height = h;
  }

  function leave() {
    isNear = isInSight = false;
    widest = 0;
    sizes.disconnect();
    screen = /** @type {undefined} */ (screen?.unobserve(host));
    screenOf().unobserve(host);
    clearTimeout(growing);
    client = /** @type {undefined} */ (view?.end());
  }

  function show() {
    const source = host.record ?? host.srcId;
    const isLazy = host.loading === "lazy";
    if (source && (isNear || !isLazy)) {
      const isLater = isLazy && !isInSight && host.fetchPriority === "auto";
      view.show(source, {
        image: { priority: isLater ? "low" : host.fetchPriority },
        choose(record) {
          const width = measure(record);
          return sizeFor(record, width * devicePixelRatio, width);
        },
      });
    } else view.hide();
  }

  /** @param {ImageRecord} record  which an id may have led to just now */
  function measure(record) {
    layOut(record);
    return widest || img.clientWidth || host.width;
  }

  function unveil() {
    host.querySelector(":scope>canvas")?.remove();
  }

  /** @param {ViewState} next */
  function change({ status, url, record, error }) {
    if (!url) {
      // Out of the page it would be kept by Chromium as long as that lives.
      if (host.isConnected) img.removeAttribute("src");
      unveil();
      // What is in memory comes before a placeholder would be seen.
      const placeholder = status === "loading" && record && known.placeholder;
      if (placeholder) img.after(paintedOf(placeholder));
    }
    // It is shown once the `<img>` has it.
    if (status === "shown") img.src = /** @type {string} */ (url);
    else enter(status, error);
  }

  /**
   * @param {ViewState["status"]} state
   * @param {any} [error]
   */
  function enter(state, error) {
    if (state === host.dataset.state && error === host.error) return;
    host.dataset.state = state;
    host.error = error;
    for (const text of /** @type {NodeListOf<HTMLElement>} */ (host.querySelectorAll("[slot=error]"))) {
      text.hidden = state !== "error";
    }
    host.dispatchEvent(new Event("state"));
    // They don't bubble, as those of an `<img>` don't.
    if (state === "error") host.dispatchEvent(new ErrorEvent(state, { error }));
  }

  /** All that one task says and moves is taken together. */
  function say() {
    if (!isSettling) queueMicrotask(settle);
    isSettling = true;
  }

  // An image's events don't bubble, but pass on their way down.
  host.addEventListener(
    "load",
    ({ target }) => {
      if (target === img && img.src) {
        unveil();
        enter("shown");
        host.dispatchEvent(new Event("load"));
      }
    },
    true,
  );
  // The author's `<img>` may come later, as out of a stream.
  new MutationObserver(say).observe(host, { childList: true });
  return (position) => {
    // Most elements of a long page are told that they are out of sight, which they know.
    if (position?.isInSight === isInSight) return view;
    ({ isNear, isInSight } = { isNear, isInSight, ...position });
    say();
    return view;
  };
}
