/** What stands in an element: an `<img>` with the picture, and before that a placeholder upon it. */
import type { View } from "../view/view.js";
import type { PixImage } from "./pix-image.js";
export type Position = {
    isNear?: boolean;
    isInSight?: boolean;
};
/** @typedef {{isNear?: boolean, isInSight?: boolean}} Position  changes of where an element is; near is within its margin */
/**
 * @param {PixImage} host
 * @returns {(position?: Position) => View}  to be called after each change of the element, its place in the page, or its
 *   position
 */
export declare function createPicture(host: PixImage): (position?: Position) => View;
