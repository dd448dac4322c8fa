/** README's examples, each rendered as its framework's test library does, and the client that they share. */

import { render as renderReact } from "@testing-library/react";
import { render as renderSvelte } from "@testing-library/svelte";
import { mount } from "@vue/test-utils";
import { createElement } from "react";
import { h } from "vue";

import { Player } from "js_client/README.md?// React";
import SveltePlayer from "js_client/README.md?<!-- Svelte -->";
import VuePlayer from "js_client/README.md?<!-- Vue -->";

export { initPixstoreFrontend } from "pixstore-asgi-client";

/** Each gives the element that it has rendered into. */
export const PLAYERS = {
  React: (record) => renderReact(createElement(Player, { record })).container,
  Vue: (record) => mount(() => h("main", null, h(VuePlayer, { record }))).element,
  Svelte: (record) => renderSvelte(SveltePlayer, { props: { record } }).container,
};
