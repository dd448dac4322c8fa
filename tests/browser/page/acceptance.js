/** Answers the questions of the acceptance list in a page of any framework: see tests/browser/acceptance.py. */

/** Nothing at all is an option that is not given. */
const plain = (text) => (/^(\d+|true)$/.test(text) ? JSON.parse(text) : text || null);

const picture = (key) => document.getElementById(key);
const imageOf = (key) => picture(key)?.querySelector("img");

/**
 * Offer a page to the tests.
 *
 * @param {object} stage  the functions of the framework: `render`, `state`, `error` and `retry`
 * @param {object} client  the module `index.js` that it shows them with
 */
export function offer(stage, client) {
  const config = Object.entries(Object.fromEntries(new URLSearchParams(location.search)));
  client.initPixstoreFrontend({
    endpoint: "/images",
    recordsUrl: "/records",
    ...Object.fromEntries(config.map(([name, text]) => [name, plain(text)])),
  });
  Object.assign(globalThis, { client, stage, look, painted, fetchRecord, watchForFlash, frames, near, cycle, listeners });
}

async function fetchRecord(id) {
  const response = await fetch(`/pictures/${encodeURIComponent(id)}`);
  return response.json();
}

/**
 * The visible state of a picture: its colour in the middle, unless it is empty, its size as it is decoded, its box, and
 * whether a placeholder stands there.
 */
function look(key) {
  const image = imageOf(key);
  if (!image) return null;
  const { x, y, width, height } = image.getBoundingClientRect();
  return {
    colour: colourOf(image),
    naturalWidth: image.naturalWidth,
    box: [x + scrollX, y + scrollY, width, height].map(Math.round),
    alt: image.alt,
    hasPlaceholder: Boolean(picture(key).querySelector('canvas, [data-placeholder], img[src^="data:"]')),
    text: picture(key).innerText.trim(),
  };
}

/** Resolves once a picture that is shown out of memory, and so before it is decoded, can be looked at. */
async function painted(key) {
  const image = imageOf(key);
  if (image?.src.startsWith("blob:")) await image.decode();
}

const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
const context = canvas.getContext("2d", { willReadFrequently: true });

/** Red, green, blue and alpha, or null where nothing is drawn. */
function colourOf(image) {
  if (!image.src || !image.complete || !image.naturalWidth) return null;
  context.clearRect(0, 0, 1, 1);
  context.drawImage(image, 0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data];
}

/** Look at a picture in each frame until the returned function is called, which tells the colours that there were. */
function watchForFlash(key) {
  const seen = new Set();
  let isWatching = true;
  const watch = () => {
    seen.add(JSON.stringify(colourOf(imageOf(key))));
    if (isWatching) requestAnimationFrame(watch);
  };
  watch();
  globalThis.flashes = () => {
    isWatching = false;
    return [...seen].map((colour) => JSON.parse(colour));
  };
}

/** Let so many frames pass. */
async function frames(count) {
  for (let frame = 0; frame < count; frame += 1) await new Promise(requestAnimationFrame);
}

/** The keys of the pictures that are at most so many pixels away from the screen. */
function near(pixels) {
  const isNear = ({ top, bottom }) => bottom >= -pixels && top <= innerHeight + pixels;
  const places = [...document.querySelector("main").children];
  return places.filter((place) => isNear(place.getBoundingClientRect())).map(({ id }) => id);
}

/** Mount and unmount pictures of two images, 250 at once: some that wait for the screen, some at once, some in mid-load. */
async function cycle(count, [one, other]) {
  for (let turn = 0; turn < count / 250; turn += 1) {
    const pictures = Array.from({ length: 250 }, (_, number) => {
      const record = number % 2 ? { ...one } : { ...other, token: other.token + turn + 1 };
      // To paint ten thousand of them takes a minute; 400 are many enough to show a leak of their nodes.
      if (number % 25) delete record.placeholder;
      return { key: `cycle-${turn}-${number}`, record, eager: number % 3 > 0 };
    });
    await stage.render(pictures);
    await stage.render([]);
  }
}

/** How many listeners there are on window and document. */
const listeners = () =>
  counted.listeners.flatMap((types) => [...types.values()]).reduce((sum, { size }) => sum + size, 0);
