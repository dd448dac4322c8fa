/** Which elements are on the screen, or near it: one observer for all that have the same margin. */

/** @type {Record<string, IntersectionObserver>}  by margin */
const observers = {};
/** @type {WeakMap<Element, (isNear: boolean) => void>} */
const listeners = new WeakMap();

/** @param {IntersectionObserverEntry[]} entries */
const tell = (entries) => {
  for (const { target, isIntersecting } of entries) listeners.get(target)?.(isIntersecting);
};

/**
 * Be told whether an element is near the screen, soon and whenever that changes.
 *
 * @param {Element} element  which nobody else asks about meanwhile
 * @param {string} margin  how far away is near, e.g. "200px"
 * @param {(isNear: boolean) => void} listener
 * @returns {() => void}  ends it
 */
export function watchNearness(element, margin, listener) {
  const observer = (observers[margin] ??= new IntersectionObserver(tell, { rootMargin: margin }));
  listeners.set(element, listener);
  observer.observe(element);
  return () => {
    listeners.delete(element);
    observer.unobserve(element);
  };
}
