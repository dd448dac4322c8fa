/** What stands in an element: an `<img>` with the picture, and before that a placeholder upon it. */
import type { View } from "../view/view.js";
import type { PixImage } from "./pix-image.js";
/**
 * @param {PixImage} host
 * @returns {(isNear?: boolean) => View}  to be called when something is said of the element, it was moved, or
 *   it has come near the screen or left it
 */
export declare function createPicture(host: PixImage): (isNear?: boolean) => View;
