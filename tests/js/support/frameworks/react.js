/** React and its test library beside the client's entry, in one bundle. */

import { render } from "@testing-library/react";
import { PixImage, PixstoreProvider } from "pixstore-asgi-client/react";
import { createElement, StrictMode } from "react";
import { hydrateRoot } from "react-dom/client";

export * as React from "react";
export { act, cleanup, fireEvent, render, renderHook } from "@testing-library/react";
export { initPixstoreFrontend } from "pixstore-asgi-client";
export * from "pixstore-asgi-client/react";

/** The parents of a component: React's strict mode and a client. */
export const around = (client) =>
  function Around({ children }) {
    return createElement(StrictMode, null, createElement(PixstoreProvider, { client }, children));
  };

/** An image on a page. */
export async function mount(client, props) {
  const imageOf = ({ key, ...others }) => createElement(PixImage, { key, ...others });
  const { container, rerender, unmount } = render(imageOf(props), { wrapper: around(client) });
  return {
    image: () => container.querySelector("img"),
    update: async (next) => rerender(imageOf(next)),
    unmount: async () => unmount(),
  };
}

/** Hydrate the server's rendering. */
export async function hydrate(page, client, props) {
  const root = hydrateRoot(page, createElement(around(client), null, createElement(PixImage, props)));
  return () => root.unmount();
}
