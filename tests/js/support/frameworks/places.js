/** Facts that hold for an image of each framework. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { createTestClient } from "../../../../js_client/src/testing/index.js";
import { withoutPage } from "../dom.js";
import { gate, setGlobal, until } from "../page.js";
import { serveRecords } from "../records-server.js";
import { successPayload } from "../server.js";
import { counting, drawing, opened, paintsOf, textAt, urls, watched } from "../shown.js";
import { createClient, ID, server } from "../site.js";

const OTHER = "players:def";
const PLACEHOLDER = "1QcSHQRnh493V4dIh4eXh1h4kJUI";

/** The `src` until a picture without a placeholder is there: it lets the `<img>` have its size. */
const BLANK = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' width='1' height='1'/>";

/** @typedef {{image: () => HTMLImageElement, update: (props: any) => Promise<void>, unmount: () => Promise<void>}} Mounted */

/**
 * @param {string} name  of the framework
 * @param {(client: any, props: any) => Promise<Mounted>} mount
 */
export function testPlaces(name, mount) {
  const src = (mounted) => mounted.image().getAttribute("src");
  const status = (mounted) => mounted.image().dataset.status;
  const has = (mounted, wanted) => until(() => status(mounted) === wanted);
  const eager = (props) => ({ alt: "", loading: "eager", ...props });

  test(`${name}: an image is loading, then shown by its URL, which is revoked with its component`, async () => {
    const client = counting(createClient());
    const mounted = await mount(client, eager({ record: server.save(ID, "picture"), alt: "Ada" }));
    assert.deepEqual([status(mounted), src(mounted)], ["loading", BLANK]);
    await has(mounted, "shown");
    assert.equal(await textAt(src(mounted)), "picture");
    assert.deepEqual([mounted.image().alt, mounted.image().id], ["Ada", ""]);
    await mounted.update(eager({ record: server.save(ID, "picture"), alt: "Ada", imgId: "portrait" }));
    assert.equal(mounted.image().id, "portrait");
    await mounted.unmount();
    assert.deepEqual([urls.size, client.listeners.size], [0, 0]);
  });

  test(`${name}: an image in memory has its src before the first paint, a lazy one too`, async () => {
    const client = createClient();
    const record = { ...server.save(ID, "picture"), placeholder: PLACEHOLDER };
    await client.getImage(record);
    for (const loading of ["eager", "lazy"]) {
      const mounted = await mount(client, { alt: "", record, loading });
      assert.equal(status(mounted), "shown");
      assert.equal(await textAt(src(mounted)), "picture");
      await mounted.unmount();
    }
    assert.equal(urls.size, 0);
  });

  test(`${name}: until then the placeholder is there, in the record's size, and of each the page can set its own`, async () => {
    const record = { ...server.save(ID, "picture"), width: 640, height: 480, placeholder: PLACEHOLDER };
    const mounted = await mount(createClient(), { alt: "", record });
    assert.match(src(mounted), /^data:image\/png;base64,/);
    assert.deepEqual(sizeOf(mounted), ["640", "480"]);
    await mounted.update({ alt: "", record, width: 320, placeholder: "" });
    assert.deepEqual([src(mounted), ...sizeOf(mounted)], [BLANK, "320", "240"]);
    await mounted.update({ alt: "", record, width: undefined, height: 48 });
    assert.deepEqual(sizeOf(mounted), ["64", "48"]);
    await mounted.unmount();
  });

  test(`${name}: a placeholder that is no base64 keeps no picture away`, async () => {
    const record = { ...server.save(ID, "picture"), placeholder: "no base64!" };
    const mounted = await mount(createClient(), eager({ record }));
    await has(mounted, "shown");
    assert.equal(await textAt(src(mounted)), "picture");
    await mounted.unmount();
  });

  test(`${name}: a new version takes the place of the one before without a moment of anything else`, async () => {
    const client = createClient();
    const mounted = await mount(client, eager({ record: server.save(ID, "before") }));
    await has(mounted, "shown");
    const before = src(mounted);
    const paints = paintsOf(mounted.image);
    await mounted.update(eager({ record: server.save(ID, "after", { token: 2 }) }));
    await until(() => src(mounted) !== before);
    assert.deepEqual(paints(), [before, src(mounted)]);
    assert.equal(await textAt(src(mounted)), "after");
    assert.equal(urls.size, 1);
    await mounted.unmount();
  });

  test(`${name}: another image's picture is never there, neither while the new one loads nor when it comes late`, async () => {
    const { open, passed } = gate();
    const client = createClient({}, async (record) => {
      if (record.id === ID) await passed;
      return successPayload(server.version(record.id));
    });
    const [slow, quick] = [server.save(ID, "slow"), server.save(OTHER, "quick")];
    const mounted = await mount(client, eager({ record: quick }));
    await has(mounted, "shown");
    await mounted.update(eager({ record: slow }));
    assert.deepEqual([src(mounted), status(mounted), urls.size], [BLANK, "loading", 0]);
    await mounted.update(eager({ record: quick }));
    await has(mounted, "shown");
    const paints = paintsOf(mounted.image);
    open();
    await new Promise((go) => setTimeout(go, 20));
    assert.equal(paints().length, 1);
    assert.equal(await textAt(src(mounted)), "quick");
    await mounted.unmount();
    assert.equal(urls.size, 0);
  });

  test(`${name}: fifty changes in a row end with the last one's picture, and one URL`, async () => {
    const client = counting(createClient());
    const records = [0, 1, 2, 3, 4].map((number) => server.save(`players:${number}`, `picture ${number}`));
    const mounted = await mount(client, eager({ record: records[0] }));
    for (let turn = 1; turn < 50; turn += 1) await mounted.update(eager({ record: records[turn % 5] }));
    await has(mounted, "shown");
    assert.equal(await textAt(src(mounted)), "picture 4");
    assert.deepEqual([urls.size, client.listeners.size], [1, 1]);
    await mounted.unmount();
    assert.deepEqual([urls.size, client.listeners.size], [0, 0]);
  });

  test(`${name}: the same version again, with a fresher record, asks for nothing and changes nothing`, async () => {
    const mounted = await mount(createClient(), eager({ record: server.save(ID, "picture") }));
    await has(mounted, "shown");
    const before = src(mounted);
    await mounted.update(eager({ record: { ...server.save(ID, "picture"), statelessProof: "fresh" } }));
    assert.equal(src(mounted), before);
    assert.deepEqual([server.requests.length, opened.length], [1, 1]);
    await mounted.unmount();
  });

  test(`${name}: a component that goes in mid-load ends the load and makes no URL`, async () => {
    const signals = [];
    const client = createClient({}, (record, context, { signal }) => {
      signals.push(signal);
      return new Promise(() => {});
    });
    const mounted = await mount(counting(client), eager({ record: server.save(ID, "picture") }));
    await until(() => signals.length);
    await mounted.unmount();
    await until(() => signals.every(({ aborted }) => aborted));
    assert.deepEqual(opened, []);
  });

  test(`${name}: a failed image has no picture until there is a working record`, async () => {
    const mounted = await mount(createClient(), eager({ record: { ...server.save(ID, "picture"), token: 0 } }));
    await has(mounted, "error");
    assert.equal(src(mounted), null);
    drawing.works = false;
    await mounted.update(eager({ record: server.save(OTHER, "picture") }));
    await has(mounted, "error");
    assert.equal(urls.size, 0);
    drawing.works = true;
    await mounted.update(eager({ record: server.save(ID, "picture") }));
    await has(mounted, "shown");
    await mounted.unmount();
  });

  test(`${name}: a record of another page is shown by one fresh record`, async (t) => {
    const { record, asked, save } = serveRecords(t);
    save(ID, "picture");
    const mounted = await mount(createClient({ recordsUrl: "/records" }, null), eager({ record: record(ID, await otherPage()) }));
    await has(mounted, "shown");
    assert.equal(await textAt(src(mounted)), "picture");
    assert.deepEqual([asked.records.length, asked.images.length], [1, 2]);
    await mounted.unmount();
  });

  test(`${name}: with the client for tests, its own sealed record is shown, and one of another page is an error`, async () => {
    const client = createTestClient({ refreshes: false });
    for (const id of [ID, OTHER]) client.addImage(id);
    const mounted = await mount(client, eager({ record: client.record(ID, await client.recipientHeaders()) }));
    await has(mounted, "shown");
    const foreign = client.record(OTHER, await createTestClient().recipientHeaders());
    await mounted.update(eager({ record: foreign }));
    await has(mounted, "error");
    await mounted.unmount();
    assert.deepEqual(client.state(), { loading: [], shown: [], listeners: 0 });
  });

  test(`${name}: a source that always seals to another page is asked again only near the screen again`, async (t) => {
    const other = await otherPage();
    const { record, asked, save } = serveRecords(t, ({ id }) => record(id, other));
    save(ID, "picture");
    const client = createClient({ recordsUrl: "/records" }, null);
    const props = { alt: "", record: record(ID, other) };
    const mounted = await mount(client, props);
    // The element may be another one after an error.
    const tell = (isNear) => watched.get(mounted.image())(isNear);
    for (let turn = 1; turn <= 3; turn += 1) {
      tell(true);
      await has(mounted, "error");
      for (const alt of ["again", ""]) await mounted.update({ ...props, alt });
      await new Promise((go) => setTimeout(go, 20));
      assert.deepEqual([asked.records.length, asked.images.length], [turn, 2 * turn]);
      tell(false);
      await has(mounted, "loading");
    }
    await mounted.unmount();
  });

  test(`${name}: the size is got that is nearest to the width in device pixels, of those that fill it in CSS pixels`, async (t) => {
    setGlobal(t, "devicePixelRatio", 2);
    const variants = { thumb: { ...server.save(`${ID}~thumb`, "small"), width: 320, height: 240 } };
    const record = { ...server.save(ID, "large"), width: 640, height: 480, variants };
    const mounted = await mount(createClient(), eager({ record, width: 160 }));
    await has(mounted, "shown");
    assert.equal(await textAt(src(mounted)), "small");
    await mounted.update(eager({ record, width: 227 }));
    await until(async () => (await textAt(src(mounted))) === "large");
    assert.equal(urls.size, 1);
    await mounted.unmount();
  });

  test(`${name}: a lazy image is asked for near the screen, and goes when it is far away again`, async () => {
    const client = counting(createClient());
    const mounted = await mount(client, { alt: "", record: { ...server.save(ID, "picture"), placeholder: PLACEHOLDER } });
    const tell = watched.get(mounted.image());
    tell(false);
    await new Promise((go) => setTimeout(go, 10));
    assert.deepEqual([status(mounted), server.requests.length], ["loading", 0]);
    tell(true);
    await has(mounted, "shown");
    tell(false);
    await has(mounted, "loading");
    assert.match(src(mounted), /^data:/);
    assert.equal(urls.size, 0);
    tell(true);
    await has(mounted, "shown");
    assert.equal(server.requests.length, 1);
    await mounted.unmount();
    assert.deepEqual([urls.size, client.listeners.size, watched.size], [0, 0, 0]);
  });

  test(`${name}: an image that was far away during a sign-out stays away, too, until there is another record`, async () => {
    const client = createClient();
    const record = { ...server.save(ID, "picture"), placeholder: PLACEHOLDER };
    const mounted = await mount(client, { alt: "", record });
    const tell = watched.get(mounted.image());
    tell(false);
    await has(mounted, "loading");
    await client.clear();
    await has(mounted, "idle");
    tell(true);
    await mounted.update({ alt: "again", record, width: 320 });
    await new Promise((go) => setTimeout(go, 10));
    assert.deepEqual([status(mounted), src(mounted), server.requests.length], ["idle", BLANK, 0]);
    await mounted.update({ alt: "", record: { ...record, statelessProof: "fresh" } });
    await has(mounted, "shown");
  });

  test(`${name}: an id is enough where the client gets records, and a new version of it comes by itself`, async () => {
    let text = "before";
    const client = createClient({ refreshRecord: (id) => server.save(id, text, { token: text.length }) });
    const mounted = await mount(client, eager({ id: ID }));
    await has(mounted, "shown");
    assert.equal(await textAt(src(mounted)), "before");
    text = "afterwards";
    await client.deleteCachedImage(ID);
    await until(async () => (await textAt(src(mounted))) === "afterwards");
    await mounted.unmount();
    assert.equal(urls.size, 0);
  });

  test(`${name}: after a sign-out nothing is shown in any rendering until there is a fresh record`, async () => {
    const [client, otherTab] = [createClient(), createClient()];
    const record = { ...server.save(ID, "picture"), width: 640, height: 480, placeholder: PLACEHOLDER };
    const mounted = await mount(client, eager({ record }));
    await has(mounted, "shown");
    await otherTab.clear();
    await has(mounted, "idle");
    await mounted.update(eager({ record: { ...record }, alt: "again" }));
    assert.deepEqual([src(mounted), status(mounted), urls.size], [BLANK, "idle", 0]);
    await mounted.update(eager({ record: { ...record, statelessProof: "fresh" } }));
    await has(mounted, "shown");
    await mounted.unmount();
  });

  test(`${name}: as long as no record is known nothing is there`, async () => {
    const mounted = await mount(createClient(), eager({ record: undefined }));
    assert.deepEqual([src(mounted), status(mounted)], [BLANK, "idle"]);
    await mounted.update(eager({ record: server.save(ID, "picture") }));
    await has(mounted, "shown");
    await mounted.update(eager({ record: null }));
    assert.deepEqual([src(mounted), status(mounted), urls.size], [BLANK, "idle", 0]);
    await mounted.unmount();
  });

  test(`${name}: thirty mounted and unmounted leave no URL, no listener and nothing watched`, async () => {
    const client = counting(createClient());
    const record = server.save(ID, "picture");
    await client.getImage(record);
    for (let turn = 0; turn < 30; turn += 1) {
      const mounted = await mount(client, { alt: "", record: turn % 2 ? record : { ...record, token: 2 } });
      if (turn % 3) watched.get(mounted.image())(true);
      await mounted.unmount();
    }
    await new Promise((go) => setTimeout(go, 20));
    assert.deepEqual([urls.size, client.listeners.size, watched.size], [0, 0, 0]);
  });
}

/**
 * @param {string} name  of the framework
 * @param {() => Promise<(props: any) => string | Promise<string>>} onAServer  gives the function that renders an image there
 * @param {(page: Element, client: any, props: any) => Promise<() => unknown>} hydrate  gives the function that ends it
 */
export function testHydration(name, onAServer, hydrate) {
  test(`${name}: the page hydrates the server's element without a warning`, async (t) => {
    const words = ["error", "warn"].map((level) => t.mock.method(console, level));
    const record = { ...server.save(ID, "picture"), width: 640, height: 480, placeholder: PLACEHOLDER };
    const html = await withoutPage(async () => (await onAServer())({ record, alt: "Ada" }));
    const page = document.body.appendChild(document.createElement("main"));
    page.innerHTML = html;
    const image = page.querySelector("img");
    // It is in memory, so that a picture would be there too early if at all.
    const client = createClient();
    await client.getImage(record);
    const end = await hydrate(page, client, { record, alt: "Ada" });
    await until(() => image.dataset.status === "shown");
    assert.equal(page.querySelector("img"), image);
    assert.equal(await textAt(image.getAttribute("src")), "picture");
    await end();
    assert.equal(urls.size, 0);
    page.remove();
    assert.deepEqual(words.flatMap(({ mock }) => mock.calls.map((call) => call.arguments)), []);
  });
}

const otherPage = async () => (await createClient({}, null).recipientHeaders())["pixstore-recipient"];

/** @param {Mounted} mounted */
const sizeOf = (mounted) => [mounted.image().getAttribute("width"), mounted.image().getAttribute("height")];
