/** Each test of a file that imports this has object URLs, drawing and a screen around its images, all counted. */

import "./dom.js";
import { beforeEach } from "node:test";

import { setGlobal } from "./page.js";

/** The current object URLs and their images. */
export let urls;
/** All that there ever were. */
export let opened;
/** Whether the browser can draw an image. */
export let drawing;
/** The elements that are watched, and how each is told that it is near the screen, or not. */
export let watched;

beforeEach((t) => {
  [urls, opened, drawing, watched] = [new Map(), [], { works: true }, new Map()];
  t.mock.method(URL, "createObjectURL", (image) => {
    const url = `blob:https://page.test/${opened.length}`;
    urls.set(url, image);
    opened.push(url);
    return url;
  });
  t.mock.method(URL, "revokeObjectURL", (url) => urls.delete(url));
  setGlobal(t, "Image", class {
    async decode() {
      if (!urls.has(this.src) || !drawing.works) throw new DOMException("undecodable", "EncodingError");
    }
  });
  // One that is never made anew: the client keeps one for each margin.
  globalThis.IntersectionObserver = Screen;
});

class Screen {
  constructor(tell) {
    this.tell = tell;
  }

  observe(element) {
    watched.set(element, (isIntersecting) => this.tell([{ target: element, isIntersecting }]));
  }

  unobserve(element) {
    watched.delete(element);
  }
}

/** The text of the image at a URL. */
export const textAt = (url) => urls.get(url)?.text();

/** A client that counts its listeners. */
export function counting(client) {
  const listeners = new Set();
  const onRemoved = (listener) => {
    const end = client.onRemoved(listener);
    listeners.add(end);
    return () => {
      listeners.delete(end);
      end();
    };
  };
  return { ...client, onRemoved, listeners };
}

/** Every `src` that an image has had when the page could be painted, in turn. */
export function paintsOf(image) {
  const seen = [];
  const look = () => {
    const src = image().getAttribute("src");
    if (seen.length === 0 || seen.at(-1) !== src) seen.push(src);
    isLooking = isLooking && setImmediate(look);
  };
  let isLooking = true;
  look();
  return () => {
    clearImmediate(isLooking);
    isLooking = false;
    look();
    return seen;
  };
}
