/** What stands upon the picture until it is there: its ThumbHash on a canvas, which takes no address and so no policy. */

import { rgbaOf } from "../view/thumbhash.js";

const SIDE = 16; // pixels, which the page stretches

/** @param {string} placeholder  of a record */
export function paintedOf(placeholder) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIDE;
  canvas.getContext("2d")?.putImageData(new ImageData(rgbaOf(placeholder, SIDE, SIDE), SIDE), 0, 0);
  return canvas;
}
