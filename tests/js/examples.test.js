/** The examples of README and docs/frameworks.md run unchanged. */

import assert from "node:assert/strict";
import { test } from "node:test";

import "./support/dom.js";
import { WireState } from "../../js_client/src/errors.js";
import { bundled } from "./support/bundle.js";
import { setGlobal, until } from "./support/page.js";
import { successPayload } from "./support/server.js";
import { textAt, urls, watched } from "./support/shown.js";
import { ID, name, server } from "./support/site.js";

const { initPixstoreFrontend, PLAYERS } = await bundled("frameworks/examples.js");
const { cleanup, fireEvent, initPixstoreFrontend: initForRecipes, RECIPES } = await bundled("frameworks/queries.js");

/** Let the page come to each image. */
const scrollToAll = () => [...watched.values()].forEach((tell) => tell(true));

for (const [framework, render] of Object.entries(PLAYERS)) {
  test(`README's example for ${framework} shows a picture, once its button has tried again`, async () => {
    let isThere = false;
    initPixstoreFrontend({ databaseName: name }, () => (isThere ? successPayload(server.version(ID)) : Uint8Array.of(WireState.NotFound)));
    const page = render(server.save(ID, "picture"));
    await until(() => watched.size);
    assert.deepEqual([page.querySelector("img").alt, page.querySelector("img").getAttribute("width")], ["Ada", "320"]);
    scrollToAll();
    await until(() => page.querySelector("button"));
    assert.equal(page.querySelector("button").textContent, "Again");
    isThere = true;
    page.querySelector("button").click();
    await until(() => page.querySelector("img")?.dataset.status === "shown");
    assert.equal(await textAt(page.querySelector("img").getAttribute("src")), "picture");
  });
}

for (const [library, render] of Object.entries(RECIPES)) {
  test(`with ${library} pictures are listed by pages, replaced, deleted, and gone after a sign-out`, async (t) => {
    const texts = (page) => Promise.all([...page.querySelectorAll("img")].map((image) => textAt(image.getAttribute("src"))));
    const show = (page, wanted) => until(async () => (scrollToAll(), (await texts(page)).join() === wanted));
    const pages = [["one", "two"], ["three"], []].map((page) => page.map((text) => server.save(`players:${text}`, text)));
    const asked = [];
    setGlobal(t, "fetch", async (url, { method = "GET" } = {}) => {
      asked.push(`${method} ${url}`);
      return method === "GET" ? Response.json(pages.shift() ?? []) : new Response(null, { status: 204 });
    });
    const more = () => [...page.querySelectorAll("button")].find((button) => button.textContent === "More");
    initForRecipes({ databaseName: name }, server.fetcher);
    const { page, replacePicture, signOut, end } = render();
    await show(page, "one,two");
    fireEvent.click(more());
    await show(page, "one,two,three");
    await replacePicture(server.save("players:two", "another", { token: 2 }));
    await show(page, "one,another,three");
    fireEvent.click(page.querySelector("button"));
    await show(page, "another,three");
    fireEvent.click(more());
    await until(() => !more());
    await show(page, "another,three");
    const lists = ["", "players%3Atwo", "players%3Athree"].map((id) => `GET /api/pictures?after=${id}`);
    assert.deepEqual(asked, [...lists.slice(0, 2), "DELETE /api/pictures/players:one", lists[2]]);
    await signOut();
    await until(() => urls.size === 0);
    cleanup();
    end();
  });
}
