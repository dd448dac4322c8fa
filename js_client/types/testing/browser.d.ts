/** Adds the browser features that this package needs and jsdom and happy-dom lack. */
/**
 * Add missing features to a page without a renderer: object URLs, images that decode, bitmaps that are never painted,
 * and an IntersectionObserver that reports every element as visible. Existing features stay, so in a browser this does
 * nothing.
 *
 * @param {any} [page]  the global object of the page
 * @returns {() => void}  removes the added features
 */
export declare function fillInBrowser(page?: any): () => void;
