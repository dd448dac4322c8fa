/**
 * The worker of crypto/in-worker.js. If an image fails, the page decrypts it again to find the error.
 *
 * The worker makes the final Blob with its type, because slicing one costs the main thread more than the rest of a hit.
 */
export {};
