/** Watches which elements are on or near the screen. Elements with the same margin share one observer. */
export type Listener = (isNear: boolean) => void;
/**
 * Call a listener soon, and after each change, with whether an element is near the screen.
 *
 * @param {Element} element  watched by one caller at a time with the same margin
 * @param {string} margin  the distance that counts as near, in pixels or per cent, e.g. "200px"
 * @param {Listener} listener
 * @returns {() => void}  stops watching
 */
export declare const watchNearness: (element: Element, margin: string, listener: Listener) => () => void;
