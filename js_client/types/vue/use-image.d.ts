/** A composable that gives the URL of an image, and the injection key of its client. */
import type { InjectionKey, MaybeRefOrGetter } from "vue";
import type { ViewClient } from "../view/index.js";
import type { PlaceOptions, Wanted } from "../view/place.js";
/** @import { InjectionKey, MaybeRefOrGetter, ShallowRef } from "vue" */
/** @import { ViewClient } from "../view/index.js" */
/** @import { PlaceOptions, PlaceState, Wanted } from "../view/place.js" */
/**
 * The key under which an application provides its own client: `app.provide(CLIENT, client)`. Without it, components use
 * the package's functions.
 *
 * @type {InjectionKey<ViewClient>}
 */
export declare const CLIENT: InjectionKey<ViewClient>;
export type UseImageOptions = PlaceOptions & {
    lazy?: Element | null | undefined;
};
/**
 * @typedef {PlaceOptions & {lazy?: Element | null | undefined}} UseImageOptions  `lazy`: load the image only while
 *   this element is near the screen
 */
/**
 * Get the image of a record, or of an id, as a `blob:` URL, until the component is removed.
 *
 * @param {MaybeRefOrGetter<Wanted>} source  null or undefined until it is known
 * @param {MaybeRefOrGetter<UseImageOptions>} [options]
 */
export declare function useImage(source: MaybeRefOrGetter<Wanted>, options?: MaybeRefOrGetter<UseImageOptions>): {
    status: import("vue").ComputedRef<"error" | "idle" | "loading" | "shown">;
    url: import("vue").ComputedRef<string | undefined>;
    record: import("vue").ComputedRef<import("../format/records.js").ImageRecord | undefined>;
    error: import("vue").ComputedRef<any>;
    retry: () => void | undefined;
};
