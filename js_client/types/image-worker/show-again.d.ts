/**
 * Ask again for the images of the page that were asked for before the worker was there: the mount has answered that it
 * is not, or will, and a worker of other settings may have had none.
 *
 * @param {string} images  what the URLs of all images begin with
 */
export declare function showAgain(images: string): void;
