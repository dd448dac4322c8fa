/** A composable that gives the URL of an image, and the injection key of its client. */

import { computed, inject, onBeforeUnmount, onMounted, shallowRef, toValue, watchEffect } from "vue";

import { PAGE_CLIENT, createPlace, stateOf } from "../view/place.js";
import { IDLE } from "../view/view.js";

/** @import { InjectionKey, MaybeRefOrGetter, ShallowRef } from "vue" */
/** @import { ViewClient } from "../view/index.js" */
/** @import { PlaceOptions, PlaceState, Wanted } from "../view/place.js" */

/**
 * The key under which an application provides its own client: `app.provide(CLIENT, client)`. Without it, components use
 * the package's functions.
 *
 * @type {InjectionKey<ViewClient>}
 */
export const CLIENT = Symbol("pixstore-asgi-client");

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
export function useImage(source, options = {}) {
  /** @type {ShallowRef<PlaceState>} */
  const state = shallowRef(IDLE);
  const { update, retry } = createPlace(inject(CLIENT, PAGE_CLIENT), (next) => {
    state.value = next;
  });
  // Start after mounting: a server must not load images, and hydration must render the same as the server.
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
