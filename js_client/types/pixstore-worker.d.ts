/**
 * The worker of crypto/in-worker.js. An image that fails is left to the page, which finds out why.
 *
 * It makes the whole Blob, type and all: to slice it costs the page's main thread more than the rest of a hit.
 */
export {};
