/** A hook that suspends until an image can be shown. */
import type { PlaceOptions } from "../view/place.js";
import type { Source, ViewState } from "../view/index.js";
/**
 * The image of a record, or of an id, once it can be shown, so with its `url`; without one after a sign-out. What fails is
 * thrown, and tried again by a rendering half a second later.
 *
 * @param {Source} source
 * @param {PlaceOptions} [options]
 * @returns {ViewState}
 * @throws {PixstoreError}  also on a server, where an error lets React render what stands in for it
 */
export declare function useSuspenseImage(source: Source, options?: PlaceOptions): ViewState;
