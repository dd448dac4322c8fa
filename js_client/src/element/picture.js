/** The children of an element: an `<img>` with the picture, and a placeholder over it until the picture is loaded. */

import { sizeFor } from "../view/frame.js";
import { watchNearness } from "../view/nearness.js";
import { rgbaOf } from "../view/placeholder.js";
import { createView, IDLE } from "../view/view.js";
import { adoptStylesheet } from "./stylesheet.js";

/** @import { ImageRecord } from "../format/records.js" */
/** @import { View, ViewClient, ViewState } from "../view/view.js" */
/** @import { PixImage } from "./pix-image.js" */

/** A growing element loads a larger size only after this pause, because it may grow further. */
const GROWN_MS = 150;

/**
 * @param {PixImage} host
 * @returns {() => View}  call it after each change of the element's properties or parent
 */
export function createPicture(host) {
  let img = new Image();
  /** @type {ViewClient | undefined} */
  let client;
  /** @type {string | undefined}  that is watched */
  let margin;
  let stopWatching = () => {};
  /** Whether the author gave the `<img>` a size, which must not be changed. */
  let isSized = false;
  /** @type {ImageRecord}  the given record, or the fetched record of an id */
  let known;
  let [isNear, isInSight, isSettling] = [false, false, false];
  /** @type {View}  set once the element was connected */
  let view;
  /** @type {string | false | undefined}  the placeholder to paint once the picture is in sight */
  let unpainted;
  /** The largest width of this picture so far, in CSS pixels. */
  let widest = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let growing;

  const sizes = new ResizeObserver(() => {
    widest = Math.max(widest, img.clientWidth);
    clearTimeout(growing);
    growing = setTimeout(show, GROWN_MS);
  });

  const children = new MutationObserver(settleLater);

  function settle() {
    isSettling = false;
    if (!host.isConnected) return leave();
    adopt(host.querySelector(":scope>img:last-of-type"));
    // The author's `<img>` may be parsed later, from a streamed page.
    children.observe(host, { childList: true });
    if (client !== host.client) {
      leave();
      view = createView((client = host.client), change, () => {
        // The key in the record must not stay on the page.
        host.removeAttribute("record");
        host.removeAttribute("src-id");
        host.record = known = /** @type {any} */ (undefined);
        // Browsers show the icon of a broken image if an `<img>` has lost its `src`.
        img.style.visibility = "hidden";
      });
      change(IDLE);
    }
    adoptStylesheet(host);
    layOut(host.record);
    img.alt = host.alt;
    if (margin !== host.margin) {
      stopWatching();
      const stops = [
        // Not "0px", because the margin may be that.
        watchNearness(host, "0px 0px", (is) => {
          if (isInSight === is) return;
          isInSight = is;
          show();
        }),
        watchNearness(host, (margin = host.margin), (is) => {
          if (isNear === is) return;
          isNear = is;
          show();
        }),
      ];
      stopWatching = () => stops.forEach((stop) => stop());
    }
    // All elements of this task are laid out before the first of them is measured: a layout of the page takes long.
    queueMicrotask(show);
  }

  /** @param {HTMLImageElement | null} image  the last `<img>` child: the author's, if there are two */
  function adopt(image) {
    if (image === img) return;
    leave();
    img.remove();
    img = image ?? img;
    host.alt ||= img.alt;
    isSized = Boolean(img.getAttribute("width"));
    // A clone of a loading element has a cloned placeholder, which is empty.
    unveil();
    host.prepend(img);
  }

  /**
   * Reserve the space of the picture once its size is known.
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
    margin = undefined;
    stopWatching();
    clearTimeout(growing);
    client = /** @type {undefined} */ (view?.end());
  }

  function show() {
    const source = host.record ?? host.srcId;
    const isLazy = host.loading === "lazy";
    if (source && host.isConnected && (isNear || !isLazy)) {
      img.style.visibility = "";
      const isLater = isLazy && !isInSight && host.fetchPriority === "auto";
      sizes.observe(img);
      view.show(source, {
        image: { priority: isLater ? "low" : host.fetchPriority },
        choose(record) {
          // It may be the fetched record of an id, which is not laid out yet.
          layOut(record);
          const width = widest || img.clientWidth || host.width;
          return sizeFor(record, width * devicePixelRatio, width, host);
        },
      });
    } else {
      // Each observed picture costs time in each frame.
      sizes.disconnect();
      view.hide();
    }
    // A canvas changes the layout: add it when the other pictures of this task are measured.
    queueMicrotask(veil);
  }

  /** Paint the placeholder of a picture that is seen before it is loaded. */
  function veil() {
    if (!isInSight) return;
    if (unpainted) img.after(paintedOf(unpainted));
    // If the page removes the canvas, it gets no other.
    unpainted = false;
  }

  function unveil() {
    host.querySelector(":scope>canvas")?.remove();
  }

  /** @param {ViewState} next */
  function change({ status, record, url, error }) {
    // Without a record of this picture, the known one may be of another.
    unpainted = record && !url && status === "loading" && known.placeholder;
    if (!url) {
      // Chromium never frees an `<img>` if its `src` is removed after the element has left the page.
      if (host.isConnected) img.removeAttribute("src");
      unveil();
    }
    // The state becomes "shown" with the `load` event of the `<img>`.
    if (status === "shown") img.src = /** @type {string} */ (url);
    else enter(status, error);
    queueMicrotask(veil);
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
    // Events do not bubble, as those of an `<img>`.
    if (state === "error") host.dispatchEvent(new ErrorEvent(state, { error }));
  }

  /** Apply all changes of one task together. */
  function settleLater() {
    if (!isSettling) queueMicrotask(settle);
    isSettling = true;
  }

  // The events of an `<img>` do not bubble, but can be captured.
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
  return () => {
    settleLater();
    return view;
  };
}

const SIDE = 16; // pixels of the placeholder, which the style stretches

/**
 * Paint a placeholder on a canvas, which has no URL and so needs no permission of a Content-Security-Policy.
 *
 * @param {string} placeholder  a record's, in base64
 */
function paintedOf(placeholder) {
  const image = new ImageData(SIDE, SIDE);
  const canvas = document.createElement("canvas");
  image.data.set(rgbaOf(placeholder, SIDE, SIDE));
  createImageBitmap(image).then((pixels) => {
    // A 2D context would keep memory of its own long after its canvas was removed.
    const context = /** @type {ImageBitmapRenderingContext} */ (canvas.getContext("bitmaprenderer"));
    context.transferFromImageBitmap(pixels);
  });
  return canvas;
}
