/**
 * Ask again for the images of the page that were asked for before the worker was there: the mount has answered that it
 * is not, or will, and a worker of other settings may have had none.
 *
 * @param {string} images  what the URLs of all images begin with
 */
export function showAgain(images) {
  for (const image of document.images) {
    if (!image.currentSrc.startsWith(images)) continue;
    const ask = () => {
      // Whatever is set, the browser begins anew.
      image.src = image.getAttribute("src") ?? "";
    };
    if (!image.complete) image.addEventListener("error", ask, { once: true });
    else if (!image.naturalWidth) ask();
  }
}
