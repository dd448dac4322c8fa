/** What stands in an element: an `<img>` with the picture, and before that a placeholder upon it. */
import type { PixImage } from "./pix-image.js";
/**
 * @param {PixImage} host
 * @returns {(isRetry?: boolean) => void}  to be called when something is said of the element, or it was moved; or to try
 *   again what has failed
 */
export declare function createPicture(host: PixImage): (isRetry?: boolean) => void;
