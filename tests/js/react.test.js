/** React, 19 and 18: images of components and hooks. */

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { WireState } from "../../js_client/src/errors.js";
import "./support/dom.js";
import { bundled } from "./support/bundle.js";
import { ON_A_SERVER } from "./support/frameworks/on-a-server.js";
import { testHydration, testPlaces } from "./support/frameworks/places.js";
import { gate, until } from "./support/page.js";
import { successPayload } from "./support/server.js";
import { counting, drawing, textAt, urls, watched } from "./support/shown.js";
import { createClient, ID, server } from "./support/site.js";

const OTHER = "players:def";
const PLACEHOLDER = "1QcSHQRnh493V4dIh4eXh1h4kJUI";

for (const react18 of [false, true]) {
  const bundle = await bundled("frameworks/react.js", { react18 });
  const { React, PixImage, act, around, cleanup, fireEvent, mount, render, renderHook, useImage, useSuspenseImage } = bundle;
  const { createElement: h, Suspense } = React;
  const named = (sentence, run) => test(`React ${React.version}: ${sentence}`, run);
  afterEach(cleanup);

  testPlaces(`React ${React.version}`, mount);
  testHydration(`React ${React.version}`, ON_A_SERVER[react18 ? "React 18" : "React"], bundle.hydrate);

  named("a hook gives the URL, or the error with a stable function that tries again", async () => {
    const record = server.save(ID, "picture");
    const { result, rerender } = renderHook(() => useImage(record), { wrapper: around(createClient()) });
    const { retry } = result.current;
    drawing.works = false;
    await until(() => result.current.status === "error");
    assert.match(result.current.error.message, /can't draw/);
    assert.equal(result.current.url, undefined);
    drawing.works = true;
    rerender();
    assert.equal(result.current.retry, retry);
    retry();
    await until(() => result.current.status === "shown");
    assert.equal(await textAt(result.current.url), "picture");
    assert.deepEqual(result.current.record, record);
  });

  named("while another image is rendered, a hook has no URL of the one before, not even in the first rendering", async () => {
    const seen = [];
    const records = [server.save(ID, "one"), server.save(OTHER, "other")];
    const { result, rerender } = renderHook(
      ({ record }) => {
        const image = useImage(record);
        seen.push([record.id, image.url]);
        return image;
      },
      { wrapper: around(createClient()), initialProps: { record: records[0] } },
    );
    await until(() => result.current.status === "shown");
    const { url } = result.current;
    seen.length = 0;
    rerender({ record: records[1] });
    assert.deepEqual(seen.filter(([id, seenUrl]) => id === OTHER && seenUrl === url), []);
  });

  named("a hook waits for an element of the page's own to be near the screen", async () => {
    const record = server.save(ID, "picture");
    function Card() {
      const card = React.useRef(null);
      const { status } = useImage(record, { lazy: card });
      return h("p", { ref: card }, status);
    }
    const { container } = render(h(Card), { wrapper: around(createClient()) });
    const [card] = container.children;
    await until(() => watched.has(card));
    assert.equal(card.textContent, "loading");
    assert.equal(server.requests.length, 0);
    watched.get(card)(true);
    await until(() => card.textContent === "shown");
  });

  named("all that a component isn't made for goes to the `<img>`, its ref too", async () => {
    const ref = React.createRef();
    const calls = [];
    const props = { className: "wide", title: "Ada", "data-player": "7", onClick: () => calls.push("click") };
    const record = { ...server.save(ID, "picture"), placeholder: PLACEHOLDER };
    const { container, unmount } = render(
      h(PixImage, { record, alt: "", loading: "eager", ...props, ref, onLoad: () => calls.push("load") }),
      { wrapper: around(createClient()) },
    );
    const image = container.querySelector("img");
    assert.equal(ref.current, image);
    assert.deepEqual([image.className, image.title, image.dataset.player], ["wide", "Ada", "7"]);
    // It is called for the picture, not for its placeholder.
    fireEvent.load(image);
    await until(() => image.dataset.status === "shown");
    fireEvent.click(image);
    fireEvent.load(image);
    assert.deepEqual(calls, ["click", "load"]);
    unmount();
    assert.equal(ref.current, null);
  });

  named("where an image fails its fallback stands, and brings it back", async () => {
    const ref = React.createRef();
    const fallback = ({ error, retry }) => h("button", { onClick: retry }, error.name);
    const props = { record: server.save(ID, "picture"), alt: "", fallback, ref };
    drawing.works = false;
    const { container, unmount } = render(h(PixImage, props), { wrapper: around(createClient()) });
    watched.get(container.querySelector("img"))(true);
    await until(() => container.querySelector("button"));
    assert.equal(container.textContent, "PixstoreError");
    assert.deepEqual([container.querySelector("img"), ref.current, watched.size], [null, null, 0]);
    drawing.works = true;
    fireEvent.click(container.querySelector("button"));
    await until(() => container.querySelector("img")?.dataset.status === "shown");
    assert.equal(ref.current, container.querySelector("img"));
    assert.equal(server.requests.length, 1);
    unmount();
    assert.deepEqual([urls.size, watched.size], [0, 0]);
  });

  named("without a provider it is the client of the package's functions", async () => {
    const record = server.save(ID, "picture");
    bundle.initPixstoreFrontend({ cache: "off" }, server.fetcher);
    const { container } = render(h(PixImage, { record, alt: "", loading: "eager" }));
    await until(() => container.querySelector("img").dataset.status === "shown");
    assert.equal(server.requests.length, 1);
  });

  named("another client has its own images: those of the previous client are released", async () => {
    const clients = [createClient(), createClient()].map(counting);
    const record = server.save(ID, "picture");
    const image = h(PixImage, { record, alt: "", loading: "eager" });
    const { container, rerender } = render(h(bundle.PixstoreProvider, { client: clients[0] }, image));
    await until(() => container.querySelector("img").dataset.status === "shown");
    rerender(h(bundle.PixstoreProvider, { client: clients[1] }, image));
    assert.equal(clients[0].listeners.size, 0);
    await until(() => container.querySelector("img").dataset.status === "shown");
    assert.deepEqual([clients[1].listeners.size, urls.size], [1, 1]);
  });

  /** A component that suspends, with its fallback and its error boundary. */
  function Gallery({ records, ...options }) {
    return h(Boundary, null, h(Suspense, { fallback: "waiting" }, records.map((record) => h(Picture, { record, ...options, key: record.id }))));
  }
  function Picture({ record, ...options }) {
    const { url, status } = useSuspenseImage(record, options);
    return h("img", { src: url, "data-status": status });
  }
  class Boundary extends React.Component {
    state = {};
    static getDerivedStateFromError = (error) => ({ error });
    render() {
      if (!this.state.error) return this.props.children;
      return h("button", { onClick: () => this.setState({ error: undefined }) }, this.state.error.name);
    }
  }
  const images = (container) => [...container.querySelectorAll("img")];
  const srcs = (container) => images(container).filter(({ style }) => style.display !== "none").map(({ src }) => src);

  named("a suspending hook has its URL in the first committed rendering, and all components share it", async () => {
    const client = counting(createClient());
    const record = server.save(ID, "picture");
    const twice = h("div", null, [1, 2].map((key) => h(Gallery, { records: [record], key })));
    const { container, unmount } = render(twice, { wrapper: around(client) });
    assert.equal(container.textContent, "waitingwaiting");
    await until(() => srcs(container).length === 2);
    assert.deepEqual(srcs(container), [...urls.keys(), ...urls.keys()]);
    assert.deepEqual([server.requests.length, client.listeners.size, urls.size], [1, 1, 1]);
    unmount();
    await until(() => urls.size === 0);
    assert.equal(client.listeners.size, 0);
  });

  named("an image in memory suspends nothing", async () => {
    const client = createClient();
    const record = server.save(ID, "picture");
    await client.getImage(record);
    const { container } = render(h(Gallery, { records: [record] }), { wrapper: around(client) });
    assert.equal(await textAt(srcs(container)[0]), "picture");
  });

  named("a new version suspends, or with a transition leaves the one before until it is there", async () => {
    const client = createClient();
    const first = server.save(ID, "before");
    let show;
    function Page() {
      const [record, setRecord] = React.useState(first);
      show = setRecord;
      return h(Gallery, { records: [record] });
    }
    const { container, unmount } = render(h(Page), { wrapper: around(client) });
    await until(() => srcs(container).length === 1);
    const [before] = srcs(container);
    const after = server.save(ID, "after", { token: 2 });
    React.startTransition(() => show(after));
    assert.equal(container.textContent, "");
    await until(() => srcs(container)[0] !== before);
    assert.equal(await textAt(srcs(container)[0]), "after");
    act(() => show(server.save(ID, "at last", { token: 3 })));
    assert.equal(container.textContent, "waiting");
    await until(async () => (await textAt(srcs(container)[0])) === "at last");
    unmount();
    await until(() => urls.size === 0);
  });

  named("a rendering that is thrown away leaves nothing, when its time is up", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const { open, passed } = gate();
    const records = [server.save(ID, "quick"), server.save(OTHER, "slow")];
    const slow = createClient({}, async (record) => {
      if (record.id === OTHER) await passed;
      return successPayload(server.version(record.id));
    });
    const client = counting(slow);
    const { container, unmount } = render(h(Gallery, { records }), { wrapper: around(client) });
    const turns = async (isTrue) => {
      for (let turn = 0; !isTrue() && turn < 100_000; turn += 1) {
        if (turn < 1000) t.mock.timers.tick(1);
        await new Promise(setImmediate);
      }
      assert.ok(isTrue(), String(isTrue));
    };
    await turns(() => urls.size === 1);
    unmount();
    open();
    await turns(() => urls.size === 2);
    t.mock.timers.tick(60_000);
    await turns(() => urls.size === 0);
    assert.deepEqual([urls.size, client.listeners.size, container.textContent], [0, 0, ""]);
  });

  named("an error is thrown to the boundary, and a rendering half a second later tries again", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    t.mock.method(console, "error", () => {});
    let isThere = false;
    const client = createClient({}, () => (isThere ? successPayload(server.version(ID)) : Uint8Array.of(WireState.NotFound)));
    const { container } = render(h(Gallery, { records: [server.save(ID, "picture")] }), { wrapper: around(client) });
    await until(() => container.querySelector("button"));
    assert.equal(container.textContent, "NotFoundError");
    isThere = true;
    t.mock.timers.tick(500);
    fireEvent.click(container.querySelector("button"));
    await until(() => srcs(container).length === 1);
  });

  named("after a sign-out a hook that suspends has no URL, and asks for none", async () => {
    const client = createClient();
    const records = [server.save(ID, "picture")];
    const { container, rerender } = render(h(Gallery, { records }), { wrapper: around(client) });
    await until(() => srcs(container).length === 1);
    await client.clear();
    await until(() => images(container)[0]?.dataset.status === "idle");
    rerender(h(Gallery, { records }));
    assert.equal(images(container)[0].getAttribute("src"), null);
    assert.deepEqual([server.requests.length, urls.size], [1, 0]);
  });

  named("a deleted image suspends until the server has answered, and is gone", async (t) => {
    t.mock.method(console, "error", () => {});
    const { open, passed } = gate();
    const record = server.save(ID, "picture");
    let isThere = true;
    const client = createClient({}, async () => {
      if (isThere) return successPayload(server.version(ID));
      await passed;
      return Uint8Array.of(WireState.NotFound);
    });
    const { container } = render(h(Gallery, { records: [record] }), { wrapper: around(client) });
    await until(() => srcs(container).length === 1);
    isThere = false;
    client.deleteCachedImage(ID);
    await until(() => container.textContent === "waiting");
    assert.equal(urls.size, 0);
    open();
    await until(() => container.textContent === "NotFoundError");
  });
}
