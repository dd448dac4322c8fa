/** The children of an element: an `<img>` with the picture, and a placeholder over it until the picture is loaded. */
import type { View } from "../view/view.js";
import type { PixImage } from "./pix-image.js";
export type Position = {
    isNear?: boolean;
    isInSight?: boolean;
};
/** @typedef {{isNear?: boolean, isInSight?: boolean}} Position  a change; `isNear`: within the element's margin */
/**
 * @param {PixImage} host
 * @returns {(position?: Position) => View}  call it after each change of the element's properties, parent or position
 */
export declare function createPicture(host: PixImage): (position?: Position) => View;
