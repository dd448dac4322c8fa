/** registerImageWorker: whether this page's image URLs work now, in a page that is told to be one browser or another. */

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { registerImageWorker } from "../../js_client/src/image-worker/index.js";
import { setGlobal, settle } from "./support/page.js";

const ORIGIN = "https://app.example";
const SCRIPT = `${ORIGIN}/mount/-/client/service-worker.js?recordsUrl=https%3A%2F%2Fapp.example%2Frecords`;
const OPTIONS = { endpoint: "/mount", recordsUrl: "/records" };
const IMAGE = `${ORIGIN}/mount/-/image/a`;

let images;
beforeEach((t) => {
  images = [];
  setGlobal(t, "document", { baseURI: `${ORIGIN}/page/`, images });
  setGlobal(t, "location", new URL(`${ORIGIN}/page/`));
});

/** An `<img>` of the page. */
function imageOf(changes = {}) {
  const image = new EventTarget();
  images.push(image);
  const written = "/mount/-/image/a";
  return Object.assign(image, { currentSrc: IMAGE, complete: true, naturalWidth: 0, getAttribute: () => written, ...changes });
}

/** The service workers of a page; `registered` lists the registrations. */
class Container extends EventTarget {
  controller = null;
  registered = [];
  claims = 0;

  constructor(t, { claims = true, taken } = {}) {
    super();
    setGlobal(t, "navigator", { serviceWorker: this });
    this.isClaimed = claims;
    this.taken = taken;
  }

  getRegistration = async () => this.taken;

  async register(script, { scope }) {
    this.registered.push([script.href, scope]);
    const active = {
      scriptURL: script.href,
      postMessage: () => {
        this.claims += 1;
        if (this.isClaimed) setImmediate(() => this.control(script.href));
      },
    };
    return { active, scope };
  }

  control(scriptURL) {
    this.controller = { scriptURL };
    this.dispatchEvent(new Event("controllerchange"));
  }
}

test("true where the worker has taken the page over, which it is asked for", async (t) => {
  const container = new Container(t);
  assert.equal(await registerImageWorker(OPTIONS), true);
  assert.deepEqual(container.registered, [[SCRIPT, `${ORIGIN}/`]]);
  assert.equal(container.claims, 1);
});

test("the page's function makes the URL of the worker a trusted one", async (t) => {
  const container = new Container(t);
  assert.equal(await registerImageWorker({ ...OPTIONS, trusted: (url) => new URL(url, "http://trusted.example") }), true);
  assert.deepEqual(container.registered, [[SCRIPT, `${ORIGIN}/`]]);
  const errors = [];
  const trusted = () => {
    throw new TypeError("refused");
  };
  assert.equal(await registerImageWorker({ ...OPTIONS, trusted, onError: ({ message }) => errors.push(message) }), false);
  assert.deepEqual(errors, ["refused"]);
});

test("true at once if the worker controls the page already, and failed images load again: another tab may have registered it", async (t) => {
  const container = new Container(t);
  container.controller = { scriptURL: SCRIPT };
  const [failed, underWay] = [imageOf(), imageOf({ complete: false })];
  assert.equal(await registerImageWorker(OPTIONS), true);
  underWay.dispatchEvent(new Event("error"));
  assert.deepEqual([container.claims, failed.src, underWay.src], [0, "/mount/-/image/a", undefined]);
});

test("a controller of another configuration is no success: the one of this is waited for", async (t) => {
  const container = new Container(t, { claims: false });
  container.controller = { scriptURL: `${SCRIPT}&namespace=before` };
  const failed = imageOf();
  const answer = registerImageWorker(OPTIONS);
  await settle();
  container.control(`${SCRIPT}&namespace=before`);
  await settle();
  assert.equal(failed.src, undefined);
  container.control(SCRIPT);
  assert.equal(await answer, true);
  assert.equal(failed.src, "/mount/-/image/a", "the image that the other worker could not show loads again");
});

test("the given options of the page's client are passed to the worker", async (t) => {
  const container = new Container(t);
  const more = { namespace: "guest 1", databaseName: undefined, cache: "memory", offline: true, scope: "/page/", onError: assert.fail };
  assert.equal(await registerImageWorker({ ...OPTIONS, ...more }), true);
  const [[href, scope]] = container.registered;
  assert.deepEqual(Object.fromEntries(new URL(href).searchParams), {
    recordsUrl: `${ORIGIN}/records`, namespace: "guest 1", cache: "memory", offline: "true",
  });
  assert.equal(scope, `${ORIGIN}/page/`);
});

for (const [options, why] of [
  [{ namespace: undefined }, "namespace has no value: all users would share one cache"],
  [{ namespace: null }, "namespace has no value: all users would share one cache"],
  [{ namespace: "" }, "namespace has no value: all users would share one cache"],
  [{ recordsUrl: undefined }, "recordsUrl is missing"],
]) {
  test(`false, with a reason, for unusable options: ${JSON.stringify(options)}`, async (t) => {
    const container = new Container(t);
    const errors = [];
    assert.equal(await registerImageWorker({ ...OPTIONS, ...options, onError: ({ message }) => errors.push(message) }), false);
    assert.deepEqual(errors, [why]);
    assert.deepEqual(container.registered, []);
  });
}

test("an address of records without a slash is beside the page, as for the page's client", async (t) => {
  const container = new Container(t);
  assert.equal(await registerImageWorker({ ...OPTIONS, recordsUrl: "api/records" }), true);
  assert.equal(new URL(container.registered[0][0]).searchParams.get("recordsUrl"), `${ORIGIN}/page/api/records`);
});

test("without an endpoint it is that of the client, with or without a slash at its end", async (t) => {
  for (const [endpoint, path] of [[undefined, "/pixstore-image"], ["/mount/", "/mount"], [`${ORIGIN}/i`, "/i"]]) {
    const container = new Container(t);
    await registerImageWorker({ recordsUrl: "/records", endpoint });
    assert.deepEqual(container.registered[0][0], SCRIPT.replace("/mount", path));
  }
});

for (const [name, navigator] of [
  ["has no service workers", {}],
  ["has them undefined, as in some private windows", { serviceWorker: undefined }],
]) {
  test(`false, and no error, where the browser ${name}`, async (t) => {
    setGlobal(t, "navigator", navigator);
    assert.equal(await registerImageWorker({ ...OPTIONS, onError: assert.fail }), false);
  });
}

const refused = new DOMException("The operation is insecure.", "SecurityError");
for (const [name, changes] of [
  ["to look for one", { getRegistration: () => Promise.reject(refused) }],
  ["to register it", { register: () => Promise.reject(refused) }],
]) {
  test(`false where the browser refuses ${name}, and the page is told why`, async (t) => {
    Object.assign(new Container(t), changes);
    const errors = [];
    assert.equal(await registerImageWorker({ ...OPTIONS, onError: (error) => errors.push(error) }), false);
    assert.deepEqual(errors, [refused]);
    assert.equal(await registerImageWorker(OPTIONS), false);
  });
}

test("false where a sandboxed frame may not even ask", async (t) => {
  setGlobal(t, "navigator", {
    get serviceWorker() {
      throw refused;
    },
  });
  assert.equal(await registerImageWorker(OPTIONS), false);
});

test("false if any step takes too long", async (t) => {
  const errors = [];
  const hangs = () => new Promise(() => {});
  t.mock.timers.enable({ apis: ["setTimeout"] });
  for (const changes of [{}, { register: hangs }, { getRegistration: hangs }]) {
    Object.assign(new Container(t, { claims: false }), changes);
    const answer = registerImageWorker({ ...OPTIONS, onError: (error) => errors.push(error) });
    await settle();
    t.mock.timers.tick(5000);
    assert.equal(await answer, false);
    assert.match(errors.pop().message, /in time/);
  }
});

test("another worker for the same pages is left alone", async (t) => {
  const active = { scriptURL: `${ORIGIN}/offline.js` };
  const container = new Container(t);
  const errors = [];
  for (const taken of [{ active }, { installing: active, active: null }, { waiting: active, active: { scriptURL: SCRIPT } }]) {
    container.taken = { scope: `${ORIGIN}/`, ...taken };
    assert.equal(await registerImageWorker({ ...OPTIONS, onError: (error) => errors.push(error.message) }), false);
    assert.deepEqual(container.registered, []);
    assert.equal(errors.pop(), `${ORIGIN}/ has another service worker; choose another scope`);
  }
  container.taken = { scope: `${ORIGIN}/`, active: { scriptURL: `${SCRIPT}&namespace=before` } };
  assert.equal(await registerImageWorker(OPTIONS), true);
  container.taken = { scope: `${ORIGIN}/page/below/`, active };
  assert.equal(await registerImageWorker(OPTIONS), true);
});

test("false for a page outside the scope, where no worker is registered", async (t) => {
  const container = new Container(t);
  const errors = [];
  const onError = (error) => errors.push(error.message);
  assert.equal(await registerImageWorker({ ...OPTIONS, scope: "/gallery/", onError }), false);
  assert.deepEqual(errors, [`the page is outside of ${ORIGIN}/gallery/; choose a scope that contains it`]);
  assert.deepEqual(container.registered, []);
});

test("images that were asked for before the worker was there are asked for again, and no others", async (t) => {
  new Container(t);
  const broken = imageOf();
  const underWay = imageOf({ complete: false });
  const shown = imageOf({ naturalWidth: 48 });
  const other = imageOf({ currentSrc: `${ORIGIN}/logo.png` });
  assert.equal(await registerImageWorker(OPTIONS), true);
  assert.deepEqual([broken, underWay, shown, other].map(({ src }) => src), ["/mount/-/image/a", undefined, undefined, undefined]);
  underWay.dispatchEvent(new Event("error"));
  assert.equal(underWay.src, "/mount/-/image/a");
  underWay.src = undefined;
  underWay.dispatchEvent(new Event("error"));
  assert.equal(underWay.src, undefined, "an image that fails with the worker fails");
});
