/** A hook that suspends until an image can be shown. */

import { useContext, useSyncExternalStore } from "react";

import { PixstoreError } from "../index.js";
import { ClientContext } from "./provider.js";
import { sharedImage } from "./shared-image.js";

/** @import { PlaceOptions } from "../view/place.js" */
/** @import { Source, ViewState } from "../view/index.js" */

const FAILED_MS = 500; // React renders anew what has failed, before it gives it to the boundary

/**
 * The image of a record, or of an id, once it can be shown, so with its `url`; without one after a sign-out. What fails is
 * thrown, and tried again by a rendering half a second later.
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
    image.endIn(FAILED_MS);
    throw state.error;
  }
  return state;
}
