/** Images that renderings wait for: React forgets what it throws away, so they are kept beside it. */
import type { PlaceOptions, PlaceState } from "../view/place.js";
import type { Source, ViewClient } from "../view/index.js";
export type SharedImage = ReturnType<typeof createSharedImage>;
/**
 * One of each version and size of an image, as long as somebody uses it.
 *
 * @param {ViewClient} client
 * @param {Source} source
 * @param {PlaceOptions} options
 * @returns {SharedImage}
 */
export declare function sharedImage(client: ViewClient, source: Source, options: PlaceOptions): SharedImage;
/**
 * @param {ViewClient} client
 * @param {() => unknown} forget
 */
declare function createSharedImage(client: ViewClient, forget: () => unknown): {
    load: (nextSource?: import("../view/place.js").Wanted, nextOptions?: PlaceOptions, element?: Element | false | null | undefined) => void;
    endIn: (ms: number) => void;
    /** @throws what to wait for, while there is nothing to show */
    read(): PlaceState;
    /** @param {() => void} tell */
    subscribe(tell: () => void): () => void;
};
export {};
