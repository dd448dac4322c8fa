/** Vue: images of components and composables. */

import "./support/dom.js";
import { bundled } from "./support/bundle.js";
import { ON_A_SERVER } from "./support/frameworks/on-a-server.js";
import { testHydration, testPlaces } from "./support/frameworks/places.js";

const { hydrate, mount, Vue } = await bundled("frameworks/vue.js");

testPlaces(`Vue ${Vue.version}`, mount);
testHydration(`Vue ${Vue.version}`, ON_A_SERVER.Vue, hydrate);
