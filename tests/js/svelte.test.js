/** Svelte: images of components and actions. */

import assert from "node:assert/strict";
import { test } from "node:test";

import "./support/dom.js";
import { bundled } from "./support/bundle.js";
import { ON_A_SERVER } from "./support/frameworks/on-a-server.js";
import { testHydration, testPlaces } from "./support/frameworks/places.js";
import { setGlobal, until } from "./support/page.js";
import { counting, textAt, urls, watched } from "./support/shown.js";
import { createClient, ID, server } from "./support/site.js";

const { hydrate, mount, pixImage } = await bundled("frameworks/svelte.js");

testPlaces("Svelte", mount);
testHydration("Svelte", ON_A_SERVER.Svelte, hydrate);

test("Svelte: an action shows an image in an element of the page's own, in the size of its width, until it goes", async (t) => {
  setGlobal(t, "devicePixelRatio", 1);
  const client = counting(createClient());
  const variants = { thumb: { ...server.save(`${ID}~thumb`, "small"), width: 320 } };
  const record = { ...server.save(ID, "large"), width: 640, height: 480, placeholder: "1QcSHQRnh493V4dIh4eXh1h4kJUI", variants };
  const image = document.createElement("img");
  image.setAttribute("width", "300");
  const action = pixImage(image, { client, record });
  assert.match(image.getAttribute("src"), /^data:/);
  assert.equal(image.dataset.status, "loading");
  watched.get(image)(true);
  await until(() => image.dataset.status === "shown");
  assert.equal(await textAt(image.getAttribute("src")), "small");
  // Another image's picture is not there for a moment.
  action.update({ client, record: server.save("players:def", "other") });
  assert.match(image.getAttribute("src"), /^data:image\/svg/);
  await until(() => image.dataset.status === "shown");
  assert.equal(await textAt(image.getAttribute("src")), "other");
  const last = image.getAttribute("src");
  action.destroy();
  assert.deepEqual([urls.size, client.listeners.size, watched.size], [0, 0, 0]);
  assert.equal(image.getAttribute("src"), last, "Chromium would never let go of an image that loses its src out of the page");
});
