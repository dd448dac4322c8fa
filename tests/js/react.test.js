/** React, 19 and 18: images of components and hooks. */

import { afterEach } from "node:test";

import "./support/dom.js";
import { bundled } from "./support/bundle.js";
import { testPlaces } from "./support/frameworks/places.js";

globalThis.IS_REACT_ACT_ENVIRONMENT = false;

for (const react18 of [false, true]) {
  const { React, cleanup, mount } = await bundled("frameworks/react.js", { react18 });
  const name = `React ${React.version}`;
  afterEach(() => cleanup());

  testPlaces(name, mount);
}
