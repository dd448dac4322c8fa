/** Vue: images of components and composables. */

import assert from "node:assert/strict";
import { test } from "node:test";

import "./support/dom.js";
import { bundled } from "./support/bundle.js";
import { ON_A_SERVER } from "./support/frameworks/on-a-server.js";
import { testHydration, testPlaces } from "./support/frameworks/places.js";
import { until } from "./support/page.js";
import { counting, drawing, textAt, urls } from "./support/shown.js";
import { createClient, ID, server } from "./support/site.js";

const { CLIENT, hydrate, mount, mountOf, useImage, Vue } = await bundled("frameworks/vue.js");

testPlaces(`Vue ${Vue.version}`, mount);
testHydration(`Vue ${Vue.version}`, ON_A_SERVER.Vue, hydrate);

test("Vue: a composable follows its source, reports an error, and tries again", async () => {
  const client = counting(createClient());
  const source = Vue.ref();
  let image;
  const component = { setup: () => ((image = useImage(source)), () => Vue.h("img", { src: image.url.value })) };
  const wrapper = mountOf(component, { global: { provide: { [CLIENT]: client } } });
  assert.equal(image.status.value, "idle");
  drawing.works = false;
  source.value = server.save(ID, "picture");
  await until(() => image.status.value === "error");
  assert.match(image.error.value.message, /can't draw/);
  drawing.works = true;
  image.retry();
  await until(() => image.status.value === "shown");
  assert.equal(await textAt(image.url.value), "picture");
  // Not even before the component renders.
  source.value = server.save("players:def", "other");
  assert.equal(image.url.value, undefined);
  await until(() => image.status.value === "shown");
  // A record that changes in its place is another version.
  Object.assign(source.value, server.save("players:def", "changed", { token: 2 }));
  await until(async () => (await textAt(image.url.value)) === "changed");
  wrapper.unmount();
  assert.deepEqual([urls.size, client.listeners.size], [0, 0]);
});
