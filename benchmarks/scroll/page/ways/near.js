/** Shows pictures while they are near the screen, and keeps nothing of the others. */

const MARGIN = "300px"; // as the package for this server has it

/** Show all thumbnails, each by the `Blob` that `getImage` resolves to. */
export function showNear(main, records, size, getImage) {
  const places = new Map(records.map((record) => [Object.assign(new Image(), size), createPlace(getImage, record)]));
  const observer = new IntersectionObserver(
    (entries) => entries.forEach(({ target, isIntersecting }) => places.get(target)(target, isIntersecting)),
    { rootMargin: MARGIN },
  );
  for (const img of places.keys()) observer.observe(img);
  main.append(...places.keys());
}

/** One picture, to be told whenever its `<img>` comes near the screen, and whenever it goes. */
function createPlace(getImage, { variants }) {
  let isNear = false;
  let url;
  return async (img, is) => {
    isNear = is;
    if (!isNear) {
      img.removeAttribute("src");
      URL.revokeObjectURL(url);
      url = undefined;
      return;
    }
    const blob = await getImage(variants.thumb);
    // It may have gone meanwhile, and come again.
    if (isNear && !url) img.src = url = URL.createObjectURL(blob);
  };
}
