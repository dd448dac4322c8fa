/** What a careful developer writes around npm's client: pictures near the screen alone, and nothing kept of the others. */

import { load } from "/browser/contestants.js";

const CACHED = 1_000; // the package's default
const MARGIN = "300px"; // as the package for this server has it

export async function show(main, records, size) {
  const { getImage } = await load("npm", CACHED);
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
