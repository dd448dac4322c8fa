/** What jsdom and happy-dom lack of a browser, and this package's parts ask for. */

/**
 * Give a page without a renderer object URLs, images that decode, bitmaps that nobody sees and an IntersectionObserver for
 * which everything is on the screen. What works there already stays as it is, so in a browser this does nothing.
 *
 * @param {any} [page]  its global object
 * @returns {() => void}  takes it back
 */
export function fillInBrowser(page = globalThis) {
  /** @type {Set<string>} */
  const urls = new Set();
  const filled = [
    fill(page.URL, "createObjectURL", () => newUrl(urls)),
    fill(page.URL, "revokeObjectURL", (/** @type {string} */ url) => void urls.delete(url)),
    fill(page.HTMLImageElement?.prototype, "decode", decodeOf(page, urls)),
    // That of happy-dom takes no ImageData, and what it makes would be painted nowhere.
    fill(page, "createImageBitmap", () => new Promise(() => {}), Boolean(page.happyDOM)),
    // That of happy-dom is there, and never calls back.
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
 * @param {Set<string>} urls  that lead to an image
 */
const decodeOf = (page, urls) =>
  /** @this {{src: string}} */
  async function decode() {
    if (this.src.startsWith("blob:test/") && !urls.has(this.src)) {
      throw new page.DOMException("the URL was revoked", "EncodingError");
    }
  };

/**
 * @param {any} owner  nothing is filled in where there is none
 * @param {string} name
 * @param {unknown} value
 * @param {boolean} [isIdle]  what is there does nothing
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
