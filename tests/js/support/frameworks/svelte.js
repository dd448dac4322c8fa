/** Svelte and its test library beside the client's entry, in one bundle. */

import { render } from "@testing-library/svelte";

import Image from "./Image.svelte";

export * as Svelte from "svelte";
export { render } from "@testing-library/svelte";
export * from "pixstore-asgi-client/svelte";

/**
 * An image on a page.
 *
 * @param {any} client
 * @param {any} props
 */
export async function mount(client, props) {
  const { container, rerender, unmount } = render(Image, { props: { client, ...props } });
  return {
    image: () => container.querySelector("img"),
    update: (/** @type {any} */ next) => rerender(next),
    unmount: async () => unmount(),
  };
}
