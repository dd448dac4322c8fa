/** What stands upon the picture until it is there: its ThumbHash on a canvas, which takes no address and so no policy. */

import { rgbaOf } from "../view/thumbhash.js";

const SIDE = 16; // pixels, which the page stretches

/** @param {string} placeholder  of a record */
export function paintedOf(placeholder) {
  const image = new ImageData(SIDE, SIDE);
  const canvas = document.createElement("canvas");
  image.data.set(rgbaOf(placeholder, SIDE, SIDE));
  createImageBitmap(image).then((pixels) => {
    // A context that draws would keep memory of its own for long after its canvas has gone.
    const context = /** @type {ImageBitmapRenderingContext} */ (canvas.getContext("bitmaprenderer"));
    context.transferFromImageBitmap(pixels);
  });
  return canvas;
}
