/** Watches which elements are on or near the screen. Elements with the same margin share one observer. */

/** @typedef {(isNear: boolean) => void} Listener */

/** @type {Record<string, ReturnType<typeof createWatch>>}  by margin */
const watches = {};

/** @param {string} rootMargin */
function createWatch(rootMargin) {
  /** @type {WeakMap<Element, Listener>} */
  const listeners = new WeakMap();
  const observer = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) listeners.get(target)?.(isIntersecting);
    },
    { rootMargin },
  );
  return (/** @type {Element} */ element, /** @type {Listener} */ listener) => {
    listeners.set(element, listener);
    observer.observe(element);
    return () => {
      listeners.delete(element);
      observer.unobserve(element);
    };
  };
}

/**
 * Call a listener soon, and after each change, with whether an element is near the screen.
 *
 * @param {Element} element  watched by one caller at a time with the same margin
 * @param {string} margin  the distance that counts as near, in pixels or per cent, e.g. "200px"
 * @param {Listener} listener
 * @returns {() => void}  stops watching
 */
export const watchNearness = (element, margin, listener) =>
  (watches[margin] ??= createWatch(margin))(element, listener);
