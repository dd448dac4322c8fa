/**
 * Ask again for the images of the page that were asked for before the worker was there: the mount has answered that it
 * is not, or will, and a worker of other settings may have had none.
 *
 * @param {string} images  what the URLs of all images begin with
 * @param {boolean} isNew  the page had no worker, or another; if not, it may have had it since a moment, by another tab
 */
export function showAgain(images, isNew) {
  for (const image of document.images) {
    if (!image.currentSrc.startsWith(images)) continue;
    const ask = () => {
      // Whatever is set, the browser begins anew.
      image.src = image.getAttribute("src") ?? "";
    };
    if (image.complete) {
      if (!image.naturalWidth) ask();
    } else if (isNew) image.addEventListener("error", ask, { once: true });
  }
}
