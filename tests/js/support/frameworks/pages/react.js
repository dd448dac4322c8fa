/** The acceptance list's page in React, in its strict mode. */

import { offer } from "/acceptance.js";
import * as client from "pixstore-asgi-client";
import { PixImage } from "pixstore-asgi-client/react";
import { createElement as h, StrictMode } from "react";
import { flushSync } from "react-dom";
import { createRoot } from "react-dom/client";

import { stateOf } from "./state.js";

const failures = new Map();
const root = createRoot(document.querySelector("main"));

function Picture({ picture: { key, eager, fallback, alt = "", ...rest } }) {
  const instead = (failure) => {
    failures.set(key, failure);
    return fallback && h("p", null, fallback, h("button", { "data-retry": "", onClick: failure.retry }));
  };
  return h("div", { id: key }, h(PixImage, { ...rest, alt, loading: eager ? "eager" : "lazy", fallback: instead }));
}

const render = (pictures) =>
  flushSync(() => root.render(h(StrictMode, null, pictures.map((picture) => h(Picture, { picture, key: picture.key })))));

offer({ render, ...stateOf(failures) }, client);
