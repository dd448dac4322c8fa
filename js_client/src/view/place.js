/** One place of a page, usually an `<img>`: decides which image it shows, and when. */

import { getRecord, objectUrl, onRemoved, peek } from "../index.js";
import { sizeFor } from "./frame.js";
import { watchNearness } from "./nearness.js";
import { createView, IDLE } from "./view.js";

/** @import { ImageRecord } from "../format/records.js" */
/** @import { Size } from "./frame.js" */
/** @import { Source, View, ViewClient, ViewOptions, ViewState } from "./view.js" */

const MARGIN = "300px"; // distance from the screen at which pictures are loaded

/** @type {ViewClient}  the package's functions, for pages that make no client of their own */
export const PAGE_CLIENT = { getRecord, objectUrl, onRemoved, peek };

/** @typedef {Source | null | undefined} Wanted */

/** @typedef {ViewState & {id?: string | undefined}} PlaceState  `id` is the id of the source */

/**
 * The options of `getImage` without `signal`, and the width and height of the picture on the page in CSS pixels. They
 * choose the size that is loaded (`sizeFor`); without a width it is the original.
 *
 * @typedef {NonNullable<ViewOptions["image"]> & Partial<Size>} PlaceOptions
 */

/** @typedef {ReturnType<typeof createPlace>} Place */

/**
 * @param {ViewClient} client
 * @param {(state: PlaceState) => void} onChange  called with each new state; before `update` returns if the image is in
 *   memory
 */
export function createPlace(client, onChange) {
  /** @type {Wanted} */
  let source;
  /** @type {{choose: (record: ImageRecord) => ImageRecord, image: ViewOptions["image"]}} */
  let options = { choose: (record) => record, image: undefined };
  /** @type {string | undefined} */
  let id;
  let key = "";
  /**
   * The version given last, and the version that a sign-out cleared: that one stays hidden, also with another width.
   */
  let [told, cleared] = ["", ""];
  /** @type {Element | undefined} */
  let watched;
  let stopWatching = () => {};
  /** @type {boolean | undefined} */
  let isNear = true; // undefined until the observer has answered
  let isInSight = true;
  let isOpen = false;
  /** @type {View | undefined}  undefined without a source */
  let view;

  /** @param {ViewState} state */
  const change = (state) => onChange({ ...(isOpen || !source ? state : LOADING), id });

  function look() {
    isOpen = Boolean(source) && (isNear ?? isInMemory());
    const { choose, image } = options;
    const priority = image?.priority ?? (isInSight ? "auto" : "low");
    if (source && isOpen) view?.show(source, { choose, image: { ...image, priority } });
    else view?.hide();
  }

  function forget() {
    source = undefined;
    cleared = told;
    change(IDLE);
  }

  /** Whether the image can be shown, or fails, at once. */
  function isInMemory() {
    if (typeof source === "string") return false;
    try {
      const found = client.peek(options.choose(/** @type {ImageRecord} */ (source)));
      found?.release();
      return Boolean(found);
    } catch {
      return true;
    }
  }

  /** @param {Element | undefined} element */
  function watch(element) {
    stopWatching();
    watched = element;
    // A new element stands where the previous one was, for instance after an error message.
    isNear = !element || isOpen || undefined;
    isInSight = !element || (isOpen && isInSight);
    if (!element) return void (stopWatching = () => {});
    const stops = [
      watchNearness(element, "0px", (is) => {
        isInSight = is;
        if (isOpen) look();
      }),
      watchNearness(element, MARGIN, (is) => {
        isNear = is;
        look();
      }),
    ];
    stopWatching = () => stops.forEach((stop) => stop());
  }

  /**
   * Set the image to show, as often as necessary. Without a source, the place ends.
   *
   * @param {Wanted} [nextSource]
   * @param {PlaceOptions} [nextOptions]
   * @param {Element | false | null | undefined} [element]  load the image only while this element is near the screen;
   *   an image in memory is shown at once
   */
  function update(nextSource, nextOptions = {}, element) {
    const proof = Object(nextSource).statelessProof;
    const nextKey = `${keyOf(nextSource, nextOptions)} ${proof}`;
    const nextWatched = element || undefined;
    if (nextKey === key && nextWatched === watched) return;
    if (nextKey !== key) {
      const { width, height, ...image } = nextOptions;
      told = `${keyOf(nextSource, {})} ${proof}`;
      // Copy the record, because a framework's reactive record may change in place to another version.
      source = Object(nextSource) === nextSource ? { .../** @type {ImageRecord} */ (nextSource) } : nextSource;
      if (told === cleared) source = undefined;
      [key, id] = [nextKey, idOf(nextSource)];
      const shape = { width: Number(width) || 0, height: Number(height) || 0 };
      options = {
        choose: (record) =>
          shape.width ? sizeFor(record, shape.width * devicePixelRatio, shape.width, shape) : record,
        image,
      };
      if (!source) view?.end();
      view = source ? (view ?? createView(client, change, forget)) : undefined;
    }
    if (nextWatched !== watched) watch(nextWatched);
    look();
  }

  return { update, retry: () => view?.retry() };
}

/** @type {PlaceState} */
const LOADING = { status: "loading" };

/**
 * Return the state of a place for a source. The place may still have the state of the previous source.
 *
 * @param {PlaceState} state
 * @param {Wanted} source
 * @returns {ViewState}
 */
export function stateOf(state, source) {
  if (!source) return IDLE;
  return state.id === idOf(source) ? state : LOADING;
}

/**
 * Return a key of the wanted version and size of an image.
 *
 * @param {Wanted} source
 * @param {PlaceOptions} options
 */
export const keyOf = (source, { width, height }) => `${idOf(source)} ${Object(source).token} ${width} ${height}`;

/** @param {Wanted} source */
const idOf = (source) => (typeof source === "string" ? source : source?.id);
