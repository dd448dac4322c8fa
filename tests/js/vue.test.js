/** Vue: images of components and composables. */

import "./support/dom.js";
import { bundled } from "./support/bundle.js";
import { testPlaces } from "./support/frameworks/places.js";

const { mount, Vue } = await bundled("frameworks/vue.js");

testPlaces(`Vue ${Vue.version}`, mount);
