/** An action that shows an image in an `<img>`, and the client that components use. */

import { getContext, setContext } from "svelte";

import { blurOf, sizeOf, srcOf } from "../view/frame.js";
import { PAGE_CLIENT, createPlace, stateOf } from "../view/place.js";
import { IDLE } from "../view/view.js";

/** @import { Action } from "svelte/action" */
/** @import { ImageRecord } from "../format/records.js" */
/** @import { PlaceOptions } from "../view/place.js" */
/** @import { ViewClient, ViewState } from "../view/index.js" */

/**
 * The image is given by `record` or `id`. Defaults: `width` is the element's, `placeholder` the record's, `loading`
 * "lazy". A later change of `client` is ignored.
 *
 * @typedef {PlaceOptions & {
 *   record?: ImageRecord | null | undefined,
 *   id?: string | null | undefined,
 *   placeholder?: string | undefined,
 *   loading?: "lazy" | "eager" | null | undefined,
 *   client?: ViewClient | undefined,
 * }} PixImageParameters
 */

/**
 * Show the image of a record, or of an id, in this element.
 *
 * @type {Action<HTMLImageElement, PixImageParameters>}
 */
export function pixImage(node, parameters) {
  /** @type {ViewState} */
  let shown = IDLE;
  /** @type {string | undefined} */
  let blur;
  let isGone = false;
  const { client = PAGE_CLIENT } = parameters;
  const place = createPlace(client, paint);

  /** @param {ViewState} next */
  function paint(next) {
    shown = next;
    // Chromium never frees an `<img>` if its `src` is removed after the element has left the page.
    if (isGone) return;
    const src = srcOf(shown, blur);
    if (!src) node.removeAttribute("src");
    else if (node.src !== src) node.src = src;
    node.dataset["status"] = shown.status;
  }

  /** @param {PixImageParameters} parameters */
  function update({
    record,
    id,
    width = node.getAttribute("width") ?? undefined,
    height = node.getAttribute("height") ?? undefined,
    placeholder,
    loading,
    ...image
  }) {
    delete image.client;
    const source = record ?? id;
    blur = blurOf(placeholder ?? record?.placeholder, sizeOf(record));
    place.update(source, { width, height, ...image }, loading !== "eager" && node);
    paint(stateOf(shown, source));
  }

  update(parameters);
  return {
    update,
    destroy() {
      isGone = true;
      place.update();
    },
  };
}

const CLIENT = Symbol("pixstore-asgi-client");

/**
 * Give the components inside the current one a client of their own. Without it they use the package's functions.
 *
 * @param {ViewClient} client
 */
export const setClient = (client) => void setContext(CLIENT, client);

/** @returns {ViewClient} */
export const getClient = () => getContext(CLIENT) ?? PAGE_CLIENT;
