/** Svelte and its test library beside the client's entry, in one bundle. */

import { render } from "@testing-library/svelte";

import { hydrate as hydrateOf, unmount as unmountOf } from "svelte";

import Image from "./Image.svelte";

export * as Svelte from "svelte";
export { render } from "@testing-library/svelte";
export * from "pixstore-asgi-client/svelte";

/** An image on a page. */
export async function mount(client, props) {
  const { container, rerender, unmount } = render(Image, { props: { client, ...props } });
  return {
    image: () => container.querySelector("img"),
    update: (next) => rerender(next),
    unmount: async () => unmount(),
  };
}

/** Hydrate the server's rendering. */
export async function hydrate(page, client, props) {
  const component = hydrateOf(Image, { target: page, props: { client, ...props } });
  return () => unmountOf(component);
}
