/** Which elements are on the screen, or near it: one observer for all that have the same margin. */

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
 * Be told whether an element is near the screen, soon and whenever that changes.
 *
 * @param {Element} element  no other caller may watch it with the same margin meanwhile
 * @param {string} margin  how far away is near, e.g. "200px"
 * @param {(isNear: boolean) => void} listener
 * @returns {() => void}  ends it
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
