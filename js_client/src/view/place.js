/** One place of a framework's page, mostly an `<img>`: what is to be shown there, and when. */

import { watchNearness } from "./nearness.js";
import { sizeFor } from "./variants.js";
import { createView, IDLE } from "./view.js";

/** @import { ImageRecord } from "../format/records.js" */
/** @import { Source, View, ViewClient, ViewOptions, ViewState } from "./view.js" */

const MARGIN = "300px"; // how far from the screen pictures are got

/** @typedef {Source | null | undefined} Wanted */

/** @typedef {ViewState & {id?: string | undefined}} PlaceState  `id` is that of the source */

/**
 * What `getImage` takes, but a signal, and `width`: how wide the picture is on the page, in CSS pixels, for the smallest of
 * its sizes that fills this.
 *
 * @typedef {NonNullable<ViewOptions["image"]> & {width?: number | string | undefined}} PlaceOptions
 */

/** @typedef {ReturnType<typeof createPlace>} Place */

/**
 * @param {ViewClient} client
 * @param {(state: PlaceState) => void} onChange  called with each new state; before `update` returns, where the image is in
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
  /** What of which image, told last, and what was cleared, as at a sign-out: that stays away, told again in any width. */
  let [told, cleared] = ["", ""];
  /** @type {Element | undefined} */
  let watched;
  let stopWatching = () => {};
  /** @type {boolean | undefined} */
  let isNear = true; // undefined where nobody knows yet
  let isInSight = true;
  let isOpen = false;
  /** @type {View | undefined}  as long as there is a source */
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

  /** Whether it can be shown, or fails, at once. */
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
    // Another element, as where an error's message has stood meanwhile, is where the one before was.
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
   * Tell what is to be shown, as often as you like; nothing, to leave.
   *
   * @param {Wanted} [nextSource]
   * @param {PlaceOptions} [nextOptions]
   * @param {Element | false | null | undefined} [element]  to show it only while this is near the screen, and at once where
   *   it is in memory
   */
  function update(nextSource, nextOptions = {}, element) {
    const proof = Object(nextSource).statelessProof;
    const nextKey = `${keyOf(nextSource, nextOptions)} ${proof}`;
    const nextWatched = element || undefined;
    if (nextKey === key && nextWatched === watched) return;
    if (nextKey !== key) {
      const { width, ...image } = nextOptions;
      told = `${keyOf(nextSource, {})} ${proof}`;
      // A copy, since a framework's reactive record may change in its place, and is another version then.
      source = Object(nextSource) === nextSource ? { .../** @type {ImageRecord} */ (nextSource) } : nextSource;
      if (told === cleared) source = undefined;
      [key, id] = [nextKey, idOf(nextSource)];
      const wide = Number(width);
      options = { choose: (record) => (wide ? sizeFor(record, wide * devicePixelRatio, wide) : record), image };
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
 * What a place shows of a source: never the picture of another one, which may still be there.
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
 * Which version and size of an image is wanted.
 *
 * @param {Wanted} source
 * @param {PlaceOptions} options
 */
export const keyOf = (source, { width }) => `${idOf(source)} ${Object(source).token} ${width}`;

/** @param {Wanted} source */
const idOf = (source) => (typeof source === "string" ? source : source?.id);
