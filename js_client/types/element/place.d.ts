/** What an element does: it has an `<img>`, watches where that is, and puts into it what a view has for it. */
import type { PixImage } from "./pix-image.js";
/**
 * @param {PixImage} host
 * @returns {(isRetry?: boolean) => void}  to be called when something is said of the element, or it was moved
 */
export declare function createPlace(host: PixImage): (isRetry?: boolean) => void;
