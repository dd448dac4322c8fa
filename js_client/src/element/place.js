/** What an element does: it has an `<img>`, watches where that is, and puts into it what a view has for it. */

import { watchNearness } from "../view/nearness.js";
import { sizeFor } from "../view/variants.js";
import { createView, undrawable } from "../view/view.js";
import { fade, paintedOf } from "./placeholder.js";
import { adoptStylesheet } from "./stylesheet.js";

/** @import { ImageRecord } from "../format/records.js" */
/** @import { View, ViewClient, ViewState } from "../view/view.js" */
/** @import { PixImage } from "./pix-image.js" */

/** While an element grows, no size is loaded that it has outgrown a moment later. */
const GROWN_MS = 150;

/**
 * @param {PixImage} host
 * @returns {(isRetry?: boolean) => void}  to be called when something is said of the element, or it was moved
 */
export function createPlace(host) {
  let img = new Image();
  /** Whether the author gave the `<img>` a size, which is not to be touched. */
  let isSized = false;
  /** @type {HTMLCanvasElement | undefined} */
  let canvas;
  /** @type {ViewClient | undefined} */
  let client;
  /** @type {View | undefined} */
  let view;
  /** @type {ImageRecord | string | undefined}  what is to be shown, and nothing once all was cleared, as at sign-out */
  let source;
  /** @type {ImageRecord | string | undefined}  what was said last */
  let asked;
  /** @type {ImageRecord | undefined}  the source, or what an id has led to */
  let known;
  let isNear = false;
  let isSettling = false;
  /** The most device pixels that this picture has filled. */
  let most = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let growing;
  /** @type {(() => void) | undefined} */
  let unwatch;
  const sizes = new ResizeObserver(() => {
    clearTimeout(growing);
    growing = setTimeout(show, GROWN_MS);
  });

  // All that one task says and moves is taken together.
  return (isRetry) => {
    if (isRetry) asked = undefined;
    if (!isSettling) queueMicrotask(settle);
    isSettling = true;
  };

  function settle() {
    isSettling = false;
    if (!host.isConnected) return leave();
    if (!host.contains(img)) adopt(host.querySelector("img") ?? img);
    adoptStylesheet(host);
    img.alt = host.alt;
    if (client !== host.client) {
      leave();
      view = createView((client = host.client), change);
    }
    const wanted = host.record ?? host.srcId;
    if (asked !== wanted) {
      if (host.state === "error") leave();
      source = asked = wanted;
      known = host.record;
    }
    layOut();
    const isEager = host.loading === "eager";
    isNear ||= isEager;
    unwatch?.();
    unwatch = watchNearness(host, host.margin, (now) => {
      isNear = now || isEager;
      show();
    });
    sizes.observe(host);
    show();
  }

  /** @param {HTMLImageElement} image  the author's, or one of its own */
  function adopt(image) {
    img = image;
    host.alt ||= img.alt;
    isSized = img.hasAttribute("width");
    img.addEventListener("load", hear);
    img.addEventListener("error", hear);
    // A copy of an element that was loading has a copy of its canvas, which is empty.
    host.querySelector("canvas")?.remove();
    host.prepend(img);
  }

  /** Take the room that the picture will have, as soon as that is known. */
  function layOut() {
    if (isSized) return;
    const { width = 0, height = 0 } = known ?? {};
    const [w, h] = [host.width || (host.height * width) / height, host.height || (host.width * height) / width];
    if (w || width) img.width = w || width;
    if (h || height) img.height = h || height;
  }

  /** End all that is under way, and show nothing. */
  function leave() {
    unwatch?.();
    sizes.disconnect();
    isNear = false;
    most = 0;
    view?.hide();
  }

  function show() {
    if (!isNear || !source) return view?.hide();
    /** @type {number | undefined} */
    let filled;
    view?.show(source, {
      image: { priority: host.fetchPriority },
      choose: (record) => sizeFor(record, (filled ??= fill(record))),
    });
  }

  /**
   * How many device pixels the picture fills; as many as it did where that were more.
   *
   * @param {ImageRecord} record  which an id may have led to just now
   */
  function fill(record) {
    known = record;
    layOut();
    return (most = Math.max(most, (img.clientWidth || host.width) * devicePixelRatio));
  }

  /** @param {ViewState} next */
  function change({ status, url, record, error }) {
    if (status === "shown") {
      img.src = /** @type {string} */ (url);
      return;
    }
    if (!url) {
      img.removeAttribute("src");
      canvas?.remove();
      // What is in memory comes before a placeholder would be seen.
      const placeholder = status === "loading" && record && known?.placeholder;
      if (placeholder) img.after((canvas = paintedOf(placeholder)));
    }
    // Nobody here has hidden it.
    if (status === "idle" && isNear) source = undefined;
    enter(status, error);
  }

  /** @param {Event} event  of the `<img>`, about the view's image where it has one */
  function hear({ type }) {
    if (!img.src) return;
    if (type === "error") return enter(type, undrawable());
    if (canvas) fade(canvas);
    enter("shown");
    host.dispatchEvent(new Event(type));
  }

  /**
   * @param {ViewState["status"]} state
   * @param {any} [error]
   */
  function enter(state, error) {
    if (state === host.dataset.state && error === host.error) return;
    host.dataset.state = state;
    host.error = error;
    for (const child of /** @type {NodeListOf<HTMLElement>} */ (host.querySelectorAll("[slot=error]"))) {
      child.hidden = state !== "error";
    }
    host.dispatchEvent(new Event("state"));
    // They don't bubble, as those of an `<img>` don't.
    if (state === "error") host.dispatchEvent(new ErrorEvent(state, { error }));
  }
}
