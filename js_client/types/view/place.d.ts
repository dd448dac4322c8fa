/** One place of a framework's page, mostly an `<img>`: what is to be shown there, and when. */
import type { Source, ViewClient, ViewOptions, ViewState } from "./view.js";
export type Wanted = Source | null | undefined;
export type PlaceState = ViewState & {
    id?: string | undefined;
};
export type PlaceOptions = NonNullable<ViewOptions["image"]> & {
    width?: number | string | undefined;
};
export type Place = ReturnType<typeof createPlace>;
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
export declare function createPlace(client: ViewClient, onChange: (state: PlaceState) => void): {
    update: (nextSource?: Wanted, nextOptions?: PlaceOptions, element?: Element | false | null | undefined) => void;
    retry: () => void | undefined;
};
/**
 * What a place shows of a source: never the picture of another one, which may still be there.
 *
 * @param {PlaceState} state
 * @param {Wanted} source
 * @returns {ViewState}
 */
export declare function stateOf(state: PlaceState, source: Wanted): ViewState;
/**
 * Which version and size of an image is wanted.
 *
 * @param {Wanted} source
 * @param {PlaceOptions} options
 */
export declare const keyOf: (source: Wanted, { width }: PlaceOptions) => string;
