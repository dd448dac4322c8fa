/** A composable that shows an image by its URL. */
import type { MaybeRefOrGetter } from "vue";
import type { PlaceOptions, Wanted } from "../view/place.js";
export type UseImageOptions = PlaceOptions & {
    lazy?: Element | null | undefined;
};
/** @import { MaybeRefOrGetter, ShallowRef } from "vue" */
/** @import { PlaceOptions, PlaceState, Wanted } from "../view/place.js" */
/**
 * @typedef {PlaceOptions & {lazy?: Element | null | undefined}} UseImageOptions  `lazy` is an element that the image waits
 *   for to be near the screen
 */
/**
 * The image of a record, or of an id, as a `blob:` URL, for as long as the component is there.
 *
 * @param {MaybeRefOrGetter<Wanted>} source  nothing as long as it isn't known
 * @param {MaybeRefOrGetter<UseImageOptions>} [options]
 */
export declare function useImage(source: MaybeRefOrGetter<Wanted>, options?: MaybeRefOrGetter<UseImageOptions>): {
    status: import("vue").ComputedRef<"error" | "idle" | "loading" | "shown">;
    url: import("vue").ComputedRef<string | undefined>;
    record: import("vue").ComputedRef<import("../format/records.js").ImageRecord | undefined>;
    error: import("vue").ComputedRef<any>;
    retry: () => void | undefined;
};
