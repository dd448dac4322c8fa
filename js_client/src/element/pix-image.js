/** The element `<pix-image>`: its attributes, properties and events. */

import * as pageClient from "../index.js";
import { createPicture } from "./picture.js";

/** @import { ImageRecord } from "../format/records.js" */
/** @import { Priority } from "../options/options.js" */
/** @import { ViewClient, ViewState } from "../view/view.js" */

/**
 * Properties that reflect attributes.
 *
 * @typedef {object} Attributes
 * @property {string} srcId  the id of the image, if no record is given: the client fetches its record
 * @property {string} alt
 * @property {number} width  in CSS pixels, as of an `<img>`; 0 if it is not given
 * @property {number} height  the same
 * @property {"lazy" | "eager"} loading
 * @property {string} margin  distance from the screen at which a lazy image is loaded, in pixels or per cent; default
 *   "300px"
 * @property {Priority} fetchPriority
 */

/** The properties' defaults. */
const DEFAULTS = { srcId: "", alt: "", width: 0, height: 0, loading: "lazy", margin: "300px", fetchPriority: "auto" };

/** @param {string} property */
const attributeOf = (property) => property.replace("I", "-i").toLowerCase();

const Base = /** @type {new () => HTMLElement & Attributes} */ (globalThis.HTMLElement ?? Object);

/** The element's children, an `<img>` and at first a `<canvas>`, are in the light DOM. There is no shadow root. */
export class PixImage extends Base {
  static observedAttributes = ["record", ...Object.keys(DEFAULTS).map(attributeOf)];

  /** @type {ImageRecord | undefined} */
  #record;
  /** @type {ViewClient} */
  #client = pageClient;
  /** @type {any}  the error in the state `error` */
  error;
  #settle = createPicture(this);

  constructor() {
    super();
    // Properties that were set before the element was defined hide its accessors: set them again.
    const element = /** @type {any} */ (this);
    for (const [name, value] of Object.entries(element)) {
      delete element[name];
      element[name] = value;
    }
    this.addEventListener("click", ({ target }) => {
      if (/** @type {Element} */ (target).closest("[data-retry]")) this.retry();
    });
  }

  /** The record of the image. The attribute takes its JSON. */
  get record() {
    return this.#record;
  }

  set record(record) {
    this.#record = record;
    this.#settle();
  }

  /** The client that loads the images; default: the package's functions. */
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

  /** Try again after an error. */
  retry() {
    if (this.error) this.#settle().retry();
  }

  connectedCallback() {
    this.#settle();
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
 * Parse a record. Invalid JSON becomes an invalid record, which shows as a RecordError.
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
      // The same type as the default, a string or a number.
      return fallback.constructor(this.getAttribute(name) ?? fallback);
    },
    /** @this {HTMLElement} @param {string} value */
    set(value) {
      this.setAttribute(name, value);
    },
  });
}
