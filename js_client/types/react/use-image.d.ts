/** A hook that shows an image by its URL. */
import type { RefObject } from "react";
import type { PlaceOptions, Wanted } from "../view/place.js";
import type { ViewState } from "../view/index.js";
export type ImageState = ViewState & {
    retry: () => void;
};
export type UseImageOptions = PlaceOptions & {
    lazy?: RefObject<Element | null> | false | undefined;
};
/**
 * The image of a record, or of an id, as a `blob:` URL, for as long as the component is there.
 *
 * @param {Wanted} source  nothing as long as it isn't known
 * @param {UseImageOptions} [options]
 * @returns {ImageState}
 */
export declare function useImage(source: Wanted, { lazy, ...options }?: UseImageOptions): ImageState;
