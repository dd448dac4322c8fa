/** Svelte: images of components and actions. */

import "./support/dom.js";
import { bundled } from "./support/bundle.js";
import { testPlaces } from "./support/frameworks/places.js";

const { mount } = await bundled("frameworks/svelte.js");

testPlaces("Svelte", mount);
