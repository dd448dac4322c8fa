/** React and its test library beside the client's entry, in one bundle. */

import { PixImage, PixstoreProvider } from "pixstore-asgi-client/react";
import { createElement, StrictMode } from "react";
import { act, render } from "@testing-library/react";

export * as React from "react";
export { hydrateRoot } from "react-dom/client";
export { act, cleanup, render, renderHook } from "@testing-library/react";
export * from "pixstore-asgi-client/react";

/**
 * An image on a page, strictly.
 *
 * @param {any} client
 * @param {any} props
 */
export async function mount(client, props) {
  const tree = (/** @type {any} */ { key, ...others }) =>
    createElement(StrictMode, null, createElement(PixstoreProvider, { client }, createElement(PixImage, { key, ...others })));
  const { container, rerender, unmount } = render(tree(props));
  return {
    image: () => container.querySelector("img"),
    update: async (/** @type {any} */ next) => rerender(tree(next)),
    act: (/** @type {() => void} */ go) => act(go),
    unmount: async () => unmount(),
  };
}
