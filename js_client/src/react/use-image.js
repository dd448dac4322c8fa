/** A hook that shows an image by its URL. */

import { useContext, useEffect, useLayoutEffect, useRef, useState } from "react";

import { createPlace, stateOf } from "../view/place.js";
import { IDLE } from "../view/view.js";
import { ClientContext } from "./provider.js";

/** @import { RefObject } from "react" */
/** @import { Place, PlaceOptions, PlaceState, Wanted } from "../view/place.js" */
/** @import { ViewState } from "../view/index.js" */

/**
 * `url` is there as long as `status` is "shown", and while another version or size of the same image is loading.
 *
 * @typedef {ViewState & {retry: () => void}} ImageState
 */

/**
 * @typedef {PlaceOptions & {lazy?: RefObject<Element | null> | false | undefined}} UseImageOptions  `lazy` is an element that the
 *   image waits for to be near the screen
 */

/** Before the page is painted; on a server, where nothing is, neither. */
const useBeforePaint = globalThis.document ? useLayoutEffect : useEffect;

/**
 * The image of a record, or of an id, as a `blob:` URL, for as long as the component is there.
 *
 * @param {Wanted} source  nothing as long as it isn't known
 * @param {UseImageOptions} [options]
 * @returns {ImageState}
 */
export function useImage(source, { lazy, ...options } = {}) {
  const client = useContext(ClientContext);
  const [state, setState] = useState(/** @type {PlaceState} */ (IDLE));
  const place = useRef(/** @type {Place | undefined} */ (undefined));
  const [retry] = useState(() => () => place.current?.retry());
  useBeforePaint(() => {
    const { update } = (place.current = createPlace(client, setState));
    return () => update();
  }, [client]);
  useBeforePaint(() => place.current?.update(source, options, lazy && lazy.current));
  return { ...stateOf(state, source), retry };
}
