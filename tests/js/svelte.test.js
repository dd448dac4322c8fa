/** Svelte: images of components and actions. */

import "./support/dom.js";
import { bundled } from "./support/bundle.js";
import { ON_A_SERVER } from "./support/frameworks/on-a-server.js";
import { testHydration, testPlaces } from "./support/frameworks/places.js";

const { hydrate, mount } = await bundled("frameworks/svelte.js");

testPlaces("Svelte", mount);
testHydration("Svelte", ON_A_SERVER.Svelte, hydrate);
