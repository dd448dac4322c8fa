/** The element `<pix-image>`, as pages see it: its attributes, properties and events. */

import * as pageClient from "../index.js";
import { createPicture } from "./picture.js";

/** @import { ImageRecord } from "../format/records.js" */
/** @import { Priority } from "../options/options.js" */
/** @import { ViewClient, ViewState } from "../view/view.js" */

/**
 * Properties that are attributes.
 *
 * @typedef {object} Attributes
 * @property {string} srcId  the id of the image to show, where no record is given: the client gets it
 * @property {string} alt
 * @property {number} width  in CSS pixels, as those of an `<img>`; 0 where nothing is said
 * @property {number} height
 * @property {"lazy" | "eager"} loading
 * @property {string} margin  how far from the screen a lazy image is loaded, in pixels or per cent; default "300px"
 * @property {Priority} fetchPriority
 */

/** The properties' defaults. */
const DEFAULTS = { srcId: "", alt: "", width: 0, height: 0, loading: "lazy", margin: "300px", fetchPriority: "auto" };

/** @param {string} property */
const attributeOf = (property) => property.replace("I", "-i").toLowerCase();

const Base = /** @type {new () => HTMLElement & Attributes} */ (globalThis.HTMLElement ?? Object);

/** It has children of its own, an `<img>` and for a while a `<canvas>`, in the page's tree and not in one of its own. */
export class PixImage extends Base {
  static observedAttributes = ["record", ...Object.keys(DEFAULTS).map(attributeOf)];

  /** @type {ImageRecord | undefined} */
  #record;
  /** @type {ViewClient} */
  #client = pageClient;
  /** @type {any}  why there is no picture, in the state `error` */
  error;
  #settle = createPicture(this);

  constructor() {
    super();
    // What was set before the element was defined lies upon its accessors.
    const element = /** @type {any} */ (this);
    for (const [name, value] of Object.entries(element)) {
      delete element[name];
      element[name] = value;
    }
    this.addEventListener("click", ({ target }) => {
      if (/** @type {Element} */ (target).closest("[data-retry]")) this.retry();
    });
  }

  /** The record of the image to show. The attribute takes its JSON. */
  get record() {
    return this.#record;
  }

  set record(record) {
    this.#record = record;
    this.#settle();
  }

  /** The client to get images with; by default the functions of the package. */
  get client() {
    return this.#client;
  }

  set client(client) {
    this.#client = client;
    this.#settle();
  }

  /** @returns {ViewState["status"]} */
  get state() {
    return /** @type {any} */ (this.dataset.state ?? "idle");
  }

  /** Try again what has failed. */
  retry() {
    if (this.error) this.#settle().retry();
  }

  /** @param {import("./picture.js").Position} [position]  from the observers of the screen */
  connectedCallback(position) {
    this.#settle(position);
  }

  disconnectedCallback() {
    this.#settle();
  }

  /**
   * @param {string} name
   * @param {string | null} _before
   * @param {string | null} value
   */
  attributeChangedCallback(name, _before, value) {
    if (name === "record") this.#record = recordIn(value || "null");
    this.#settle();
  }
}

/**
 * What is no JSON is no record either, and becomes the error of one.
 *
 * @param {string} text
 */
function recordIn(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

for (const [property, fallback] of Object.entries(DEFAULTS)) {
  const name = attributeOf(property);
  Object.defineProperty(PixImage.prototype, property, {
    /** @this {HTMLElement} */
    get() {
      // A text or a number, as the default is.
      return fallback.constructor(this.getAttribute(name) ?? fallback);
    },
    /** @this {HTMLElement} @param {string} value */
    set(value) {
      this.setAttribute(name, value);
    },
  });
}
