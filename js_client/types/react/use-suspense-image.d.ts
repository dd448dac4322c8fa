/**
 * A hook that suspends until an image can be shown. React drops the state of a suspended rendering, so images stay
 * here.
 */
import type { PlaceOptions, PlaceState } from "../view/place.js";
import type { Source, ViewClient, ViewState } from "../view/index.js";
export type SharedImage = ReturnType<typeof createSharedImage>;
/**
 * @param {ViewClient} client
 * @param {() => unknown} forget
 */
declare function createSharedImage(client: ViewClient, forget: () => unknown): {
    load: (nextSource?: import("../view/place.js").Wanted, nextOptions?: PlaceOptions, element?: Element | false | null | undefined) => void;
    endIn: (ms: number) => void;
    /** @throws {Promise<void>} while there is nothing to show */
    read(): PlaceState;
    /** @param {() => void} tell */
    subscribe(tell: () => void): () => void;
};
/**
 * Get the image of a record, or of an id, once it can be shown. An error is thrown; a rendering half a second later
 * tries again.
 *
 * @param {Source} source
 * @param {PlaceOptions} [options]
 * @returns {ViewState}  with a `url`, or without one after a sign-out
 * @throws {PixstoreError}  also on a server, so that React renders the fallback of `<Suspense>`
 */
export declare function useSuspenseImage(source: Source, options?: PlaceOptions): ViewState;
export {};
