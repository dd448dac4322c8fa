/** The acceptance list's page in Vue. */

import { offer } from "/acceptance.js";
import * as client from "pixstore-asgi-client";
import { PixImage } from "pixstore-asgi-client/vue";
import { createApp, h, nextTick, shallowRef } from "vue";

import { stateOf } from "./state.js";

const failures = new Map();
const shown = shallowRef([]);

function pictureOf({ key, eager, fallback, alt = "", ...rest }) {
  const error = (failure) => {
    failures.set(key, failure);
    return h("p", null, [fallback, fallback && h("button", { "data-retry": "", onClick: failure.retry })]);
  };
  return h("div", { id: key, key }, h(PixImage, { ...rest, alt, loading: eager ? "eager" : "lazy" }, { error }));
}

createApp({ render: () => shown.value.map(pictureOf) }).mount("main");

async function render(pictures) {
  shown.value = pictures;
  await nextTick();
}

offer({ render, ...stateOf(failures) }, client);
