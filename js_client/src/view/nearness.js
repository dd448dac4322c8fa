/** Watches which elements are on or near the screen. Elements with the same margin share one observer. */

/** @type {Record<string, ReturnType<typeof createWatch>>}  by margin */
const watches = {};

/** @param {string} rootMargin */
function createWatch(rootMargin) {
  /** @type {WeakMap<Element, (isNear: boolean) => void>} */
  const listeners = new WeakMap();
  const observer = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) listeners.get(target)?.(isIntersecting);
    },
    { rootMargin },
  );
  return { listeners, observer };
}

/**
 * Call a listener soon, and after each change, with whether an element is near the screen.
 *
 * @param {Element} element  watched by one caller at a time with the same margin
 * @param {string} margin  the distance that counts as near, in pixels or per cent, e.g. "200px"
 * @param {(isNear: boolean) => void} listener
 * @returns {() => void}  stops watching
 */
export function watchNearness(element, margin, listener) {
  const { listeners, observer } = (watches[margin] ??= createWatch(margin));
  listeners.set(element, listener);
  observer.observe(element);
  return () => {
    listeners.delete(element);
    observer.unobserve(element);
  };
}
