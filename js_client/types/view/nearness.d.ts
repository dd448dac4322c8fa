/** Which elements are on the screen, or near it: one observer for all that have the same margin. */
/**
 * Be told whether an element is near the screen, soon and whenever that changes.
 *
 * @param {Element} element  no other caller may watch it with the same margin meanwhile
 * @param {string} margin  how far away is near, e.g. "200px"
 * @param {(isNear: boolean) => void} listener
 * @returns {() => void}  ends it
 */
export declare function watchNearness(element: Element, margin: string, listener: (isNear: boolean) => void): () => void;
