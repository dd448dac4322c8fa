/** One place of a page, usually an `<img>`: decides which image it shows, and when. */
import type { Size } from "./frame.js";
import type { Source, ViewClient, ViewOptions, ViewState } from "./view.js";
/** @type {ViewClient}  the package's functions, for pages that make no client of their own */
export declare const PAGE_CLIENT: ViewClient;
export type Wanted = Source | null | undefined;
export type PlaceState = ViewState & {
    id?: string | undefined;
};
export type PlaceOptions = NonNullable<ViewOptions["image"]> & Partial<Size>;
export type Place = ReturnType<typeof createPlace>;
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
export declare function createPlace(client: ViewClient, onChange: (state: PlaceState) => void): {
    update: (nextSource?: Wanted, nextOptions?: PlaceOptions, element?: Element | false | null | undefined) => void;
    retry: () => void | undefined;
};
/**
 * Return the state of a place for a source. The place may still have the state of the previous source.
 *
 * @param {PlaceState} state
 * @param {Wanted} source
 * @returns {ViewState}
 */
export declare function stateOf(state: PlaceState, source: Wanted): ViewState;
/**
 * Return a key of the wanted version and size of an image.
 *
 * @param {Wanted} source
 * @param {PlaceOptions} options
 */
export declare const keyOf: (source: Wanted, { width, height }: PlaceOptions) => string;
