/** The children of an element: an `<img>` with the picture, and a placeholder over it until the picture is loaded. */
import type { View } from "../view/view.js";
import type { PixImage } from "./pix-image.js";
/**
 * @param {PixImage} host
 * @returns {() => View}  call it after each change of the element's properties or parent
 */
export declare function createPicture(host: PixImage): () => View;
