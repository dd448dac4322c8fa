/** A hook that gives the URL of an image, and the provider of its client. */

import { createContext, createElement, useContext, useEffect, useLayoutEffect, useRef, useState } from "react";

import { PAGE_CLIENT, createPlace, stateOf } from "../view/place.js";
import { IDLE } from "../view/view.js";

/** @import { ReactNode, RefObject } from "react" */
/** @import { Place, PlaceOptions, PlaceState, Wanted } from "../view/place.js" */
/** @import { ViewClient, ViewState } from "../view/index.js" */

export const ClientContext = createContext(PAGE_CLIENT);

/**
 * Give the components below a client of their own. Without a provider they use the package's functions.
 *
 * @param {{client: ViewClient, children?: ReactNode}} props  pass the same client in each render
 */
export const PixstoreProvider = ({ client, children }) =>
  createElement(ClientContext.Provider, { value: client }, children);

/**
 * `url` is set while `status` is "shown", and while another version or size of the same image is loading.
 *
 * @typedef {ViewState & {retry: () => void}} ImageState
 */

/**
 * @typedef {PlaceOptions & {lazy?: RefObject<Element | null> | false | undefined}} UseImageOptions  `lazy`: load the image only
 *   while this element is near the screen
 */

/** Run before the page is painted. A server runs neither effect. */
const useBeforePaint = globalThis.document ? useLayoutEffect : useEffect;

/**
 * Get the image of a record, or of an id, as a `blob:` URL, until the component is removed.
 *
 * @param {Wanted} source  null or undefined until it is known
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
