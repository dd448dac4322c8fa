/** What jsdom and happy-dom lack of a browser, and this package's parts ask for. */
/**
 * Give a page without a renderer object URLs, images that decode, bitmaps that nobody sees and an IntersectionObserver for
 * which everything is on the screen. What works there already stays as it is, so in a browser this does nothing.
 *
 * @param {any} [page]  its global object
 * @returns {() => void}  takes it back
 */
export declare function fillInBrowser(page?: any): () => void;
