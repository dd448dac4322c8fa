/** A hook that suspends until an image can be shown. */

import { useContext, useSyncExternalStore } from "react";

import { PixstoreError } from "../index.js";
import { ClientContext } from "./provider.js";
import { sharedImage } from "./shared-image.js";

/** @import { PlaceOptions } from "../view/place.js" */
/** @import { Source, ViewState } from "../view/index.js" */

/**
 * The image of a record, or of an id, once it can be shown, so with its `url`; without one after a sign-out. What fails is
 * thrown, and tried again by the next rendering.
 *
 * @param {Source} source
 * @param {PlaceOptions} [options]
 * @returns {ViewState}
 * @throws {PixstoreError}  also on a server, where an error lets React render what stands in for it
 */
export function useSuspenseImage(source, options = {}) {
  if (!globalThis.document) {
    throw new PixstoreError("a server shows no images: put <Suspense> around this");
  }
  const image = sharedImage(useContext(ClientContext), source, options);
  const state = useSyncExternalStore(image.subscribe, image.read, image.read);
  if (state.status === "error") {
    image.endIn(0);
    throw state.error;
  }
  return state;
}
