/**
 * Ask again, once, for the images of the page that failed, or will: asked for before there was a worker, they got that
 * answer of the mount, and from a worker of other settings perhaps none.
 *
 * @param {string} images  what the URLs of all images begin with
 */
export declare function showAgain(images: string): void;
