/** Adds the browser features that this package needs and jsdom and happy-dom lack. */

/**
 * Add missing features to a page without a renderer: object URLs, images that decode, bitmaps that are never painted,
 * and an IntersectionObserver that reports every element as visible. Existing features stay, so in a browser this does
 * nothing.
 *
 * @param {any} [page]  the global object of the page
 * @returns {() => void}  removes the added features
 */
export function fillInBrowser(page = globalThis) {
  /** @type {Set<string>} */
  const urls = new Set();
  const filled = [
    fill(page.URL, "createObjectURL", () => newUrl(urls)),
    fill(page.URL, "revokeObjectURL", (/** @type {string} */ url) => void urls.delete(url)),
    fill(page.HTMLImageElement?.prototype, "decode", decodeOf(page, urls)),
    // happy-dom's createImageBitmap refuses ImageData, and its bitmap could not be painted.
    fill(page, "createImageBitmap", () => new Promise(() => {}), Boolean(page.happyDOM)),
    // happy-dom's IntersectionObserver never calls back.
    fill(page, "IntersectionObserver", AllOnScreen, Boolean(page.happyDOM)),
  ];
  return () => filled.forEach((takeBack) => takeBack());
}

let count = 0;

/** @param {Set<string>} urls */
function newUrl(urls) {
  count += 1;
  const url = `blob:test/${count}`;
  urls.add(url);
  return url;
}

/**
 * @param {any} page
 * @param {Set<string>} urls  the URLs of images
 */
const decodeOf = (page, urls) =>
  /** @this {{src: string}} */
  async function decode() {
    if (this.src.startsWith("blob:test/") && !urls.has(this.src)) {
      throw new page.DOMException("the URL was revoked", "EncodingError");
    }
  };

/**
 * @param {any} owner  undefined: add nothing
 * @param {string} name
 * @param {unknown} value
 * @param {boolean} [isIdle]  the existing feature does nothing: replace it
 */
function fill(owner, name, value, isIdle = false) {
  if (!owner || (name in owner && !isIdle)) return () => {};
  const before = Object.getOwnPropertyDescriptor(owner, name);
  Object.defineProperty(owner, name, { value, configurable: true, writable: true });
  return () => (before ? Object.defineProperty(owner, name, before) : delete owner[name]);
}

class AllOnScreen {
  /** @type {Set<unknown>} */
  #targets = new Set();
  #listener;

  /** @param {(entries: {target: unknown, isIntersecting: boolean}[]) => void} listener */
  constructor(listener) {
    this.#listener = listener;
  }

  /** @param {unknown} target */
  observe(target) {
    this.#targets.add(target);
    queueMicrotask(() => this.#targets.has(target) && this.#listener([{ target, isIntersecting: true }]));
  }

  /** @param {unknown} target */
  unobserve(target) {
    this.#targets.delete(target);
  }

  disconnect() {
    this.#targets.clear();
  }
}
