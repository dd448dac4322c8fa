/** A hook that gives the URL of an image, and the provider of its client. */
import type { ReactNode, RefObject } from "react";
import type { PlaceOptions, Wanted } from "../view/place.js";
import type { ViewClient, ViewState } from "../view/index.js";
/** @import { ReactNode, RefObject } from "react" */
/** @import { Place, PlaceOptions, PlaceState, Wanted } from "../view/place.js" */
/** @import { ViewClient, ViewState } from "../view/index.js" */
export declare const ClientContext: import("react").Context<import("../view/view.js").ViewClient>;
/**
 * Give the components below a client of their own. Without a provider they use the package's functions.
 *
 * @param {{client: ViewClient, children?: ReactNode}} props  pass the same client in each render
 */
export declare const PixstoreProvider: ({ client, children }: {
    client: ViewClient;
    children?: ReactNode;
}) => import("react").FunctionComponentElement<import("react").ProviderProps<import("../view/view.js").ViewClient>>;
export type ImageState = ViewState & {
    retry: () => void;
};
export type UseImageOptions = PlaceOptions & {
    lazy?: RefObject<Element | null> | false | undefined;
};
/**
 * Get the image of a record, or of an id, as a `blob:` URL, until the component is removed.
 *
 * @param {Wanted} source  null or undefined until it is known
 * @param {UseImageOptions} [options]
 * @returns {ImageState}
 */
export declare function useImage(source: Wanted, { lazy, ...options }?: UseImageOptions): ImageState;
