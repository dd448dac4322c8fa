/** A composable that shows an image by its URL. */

import { computed, inject, onBeforeUnmount, onMounted, shallowRef, toValue, watchEffect } from "vue";

import { PAGE_CLIENT } from "../view/page-client.js";
import { createPlace, stateOf } from "../view/place.js";
import { CLIENT } from "./client.js";

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
export function useImage(source, options = {}) {
  /** @type {ShallowRef<PlaceState>} */
  const state = shallowRef({ status: "idle" });
  const { update, retry } = createPlace(inject(CLIENT, PAGE_CLIENT), (next) => {
    state.value = next;
  });
  // A server gets none of it, and the first rendering in a browser is that of the server.
  onMounted(() =>
    watchEffect(() => {
      const { lazy, ...others } = toValue(options);
      update(toValue(source), others, lazy);
    }),
  );
  onBeforeUnmount(() => update());
  const now = computed(() => stateOf(state.value, toValue(source)));
  return {
    status: computed(() => now.value.status),
    url: computed(() => now.value.url),
    record: computed(() => now.value.record),
    error: computed(() => now.value.error),
    retry,
  };
}
