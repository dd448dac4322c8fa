/**
 * Ask again, once, for the images of the page that failed, or will: asked for before there was a worker, they got that
 * answer of the mount, and from a worker of other settings perhaps none.
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
