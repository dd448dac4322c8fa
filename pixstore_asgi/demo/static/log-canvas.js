/** Draws the result of a log's reader: the picture, or its ciphertext as noise. */

const MOST_PIXELS = 640; // on each side: thumbnails are drawn as they are

/**
 * @param {HTMLCanvasElement} canvas
 * @param {ImageBitmap} picture
 */
export function drawPicture(canvas, picture) {
  const scale = Math.min(1, MOST_PIXELS / Math.max(picture.width, picture.height));
  canvas.width = Math.ceil(picture.width * scale);
  canvas.height = Math.ceil(picture.height * scale);
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
}

/**
 * Draw three bytes of the ciphertext as one pixel, each byte once.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {Uint8Array} ciphertext
 * @param {number} ratio  of width to height
 */
export function drawNoise(canvas, ciphertext, ratio) {
  canvas.width = Math.max(1, Math.floor(Math.sqrt((ciphertext.length / 3) * ratio)));
  canvas.height = Math.max(1, Math.floor(ciphertext.length / 3 / canvas.width));
  const context = canvas.getContext("2d");
  const noise = context.createImageData(canvas.width, canvas.height);
  for (let at = 0; at < noise.data.length; at += 1)
    noise.data[at] = at % 4 === 3 ? 255 : ciphertext[at - Math.floor(at / 4)];
  context.putImageData(noise, 0, 0);
}
