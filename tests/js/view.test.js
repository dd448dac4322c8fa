/** A view: the states it shows, and the resources it releases. */

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { stateError, statusError } from "../../js_client/src/errors.js";
import {
  ConfigError,
  FetchError,
  NotFoundError,
  PixstoreError,
  RecordError,
  RefusedError,
  WireError,
  WireState,
} from "../../js_client/src/index.js";
import { failureOf } from "../../js_client/src/testing/troubles.js";
import { sizeFor } from "../../js_client/src/view/frame.js";
import { createView } from "../../js_client/src/view/view.js";
import { gate, pageEvents, setGlobal, until } from "./support/page.js";
import { successPayload } from "./support/server.js";
import { createClient, ID, server } from "./support/site.js";

const OTHER = "players:def";

/** The current object URLs and their images. */
let urls;
let canDraw;
let opened;

beforeEach((t) => {
  [urls, opened, canDraw] = [new Map(), [], () => true];
  t.mock.method(URL, "createObjectURL", (image) => {
    const url = `blob:${opened.length}`;
    urls.set(url, image);
    opened.push(url);
    return url;
  });
  t.mock.method(URL, "revokeObjectURL", (url) => urls.delete(url));
  setGlobal(t, "Image", class {
    async decode() {
      if (!urls.has(this.src) || !canDraw()) throw new DOMException("undecodable", "EncodingError");
    }
  });
});

/** A view of a client, with every state it has had; that all was cleared stands among them. */
function watched(client = createClient()) {
  const states = [];
  const view = createView(client, (state) => states.push(state), () => states.push({ status: "cleared" }));
  const has = (status) => until(() => states.at(-1)?.status === status);
  return { client, view, states, has, statuses: () => states.splice(0).map(({ status }) => status) };
}

const textIn = (url) => urls.get(url).text();

test("an image is loading, then shown by its URL, which is revoked when the view hides it", async () => {
  const { view, states, has, statuses } = watched();
  const record = server.save(ID, "picture");
  view.show(record);
  await has("shown");
  const { url, record: shown } = states.at(-1);
  assert.equal(await textIn(url), "picture");
  assert.equal(shown, record);
  assert.deepEqual(statuses(), ["loading", "loading", "shown"]);
  view.hide();
  const { status, url: gone } = states.at(-1);
  assert.deepEqual([states.length, status, gone], [1, "idle", undefined]);
  assert.equal(urls.size, 0);
});

test("an image in memory is shown before `show` returns", async () => {
  const { client, view, statuses } = watched();
  const record = server.save(ID, "picture");
  await client.getImage(record);
  view.show(record);
  assert.deepEqual(statuses(), ["loading", "shown"]);
});

test("the same version again changes nothing, with a fresher record neither", async () => {
  const { view, has, statuses } = watched();
  const record = server.save(ID, "picture");
  view.show(record);
  view.show({ ...record });
  await has("shown");
  statuses();
  view.show({ ...record, statelessProof: "fresh" });
  assert.deepEqual(statuses(), []);
  assert.equal(server.requests.length, 1);
});

test("a new version takes the place of the one before only when it can be painted", async () => {
  const { view, states, has } = watched();
  view.show(server.save(ID, "before"));
  await has("shown");
  const { url } = states.splice(0).at(-1);
  view.show(server.save(ID, "after", { token: 2 }));
  await has("shown");
  for (const { url: meanwhile } of states.slice(0, -1)) assert.equal(meanwhile, url);
  assert.equal(await textIn(states.at(-1).url), "after");
  assert.equal(urls.size, 1);
});

test("another image does not stay while the new one loads", async () => {
  const { view, states, has } = watched();
  view.show(server.save(ID, "one"));
  await has("shown");
  states.length = 0;
  view.show(server.save(OTHER, "other"));
  assert.ok(states.every(({ url }) => url === undefined));
  assert.equal(urls.size, 0);
  await has("shown");
  assert.equal(await textIn(states.at(-1).url), "other");
});

test("an image that comes when another is wanted is not shown", async () => {
  const { open, passed } = gate();
  const slow = createClient({}, async (record) => {
    if (record.id === ID) await passed;
    return successPayload(server.version(record.id));
  });
  const { view, states, has } = watched(slow);
  view.show(server.save(ID, "slow"));
  view.show(server.save(OTHER, "quick"));
  await has("shown");
  open();
  await new Promise((go) => setTimeout(go, 20));
  assert.equal(await textIn(states.at(-1).url), "quick");
  assert.equal(urls.size, 1);
});

test("a view that hides in mid-load ends the load and makes no URL", async () => {
  const signals = [];
  const client = createClient({}, (record, context, { signal }) => {
    signals.push(signal);
    return new Promise(() => {});
  });
  const { view, states } = watched(client);
  view.show(server.save(ID, "picture"));
  await until(() => signals.length);
  view.hide();
  await until(() => signals[0].aborted);
  assert.equal(states.at(-1).status, "idle");
  assert.deepEqual(opened, []);
});

test("a failed view has an error and no URL, and can be tried again", async () => {
  const { view, states, has, statuses } = watched();
  const record = server.save(ID, "picture");
  view.show({ ...record, token: 0 });
  await has("error");
  assert.equal(states.at(-1).error.name, "RecordError");
  assert.equal(states.at(-1).url, undefined);
  canDraw = () => false;
  view.show(record);
  await has("error");
  assert.match(states.at(-1).error.message, /can't draw/);
  assert.equal(urls.size, 0);
  canDraw = () => true;
  statuses();
  view.retry();
  await has("shown");
  assert.equal(urls.size, 1);
});

/** Hold the pauses between attempts, each at its middle length; the result lets time pass. */
function pauses(t) {
  const { setTimeout: start, clearTimeout: stop } = globalThis;
  const running = new Map();
  let now = 0;
  t.mock.method(Math, "random", () => 0.5);
  t.mock.method(globalThis, "setTimeout", (run, ms, ...values) => {
    const timer = run.name === "tryAll" ? {} : start(run, ms, ...values);
    if (run.name === "tryAll") running.set(timer, { run, at: now + ms });
    return timer;
  });
  t.mock.method(globalThis, "clearTimeout", (timer) => running.delete(timer) || stop(timer));
  return (ms) => {
    now += ms;
    for (const [timer, { run, at }] of running) {
      if (at <= now && running.delete(timer)) run();
    }
  };
}

/** Views of images that can't be got until `outage.isOver`; `asked` has the ids in turn. */
function inOutage(t, count = 1, failure = () => new FetchError("away")) {
  const tick = pauses(t);
  const outage = { isOver: false, asked: [], failure };
  const client = createClient({ retries: 0 }, async (record) => {
    outage.asked.push(record.id);
    if (!outage.isOver) throw outage.failure();
    return successPayload(server.version(record.id));
  });
  const views = Array.from({ length: count }, (_, index) => {
    const seen = watched(client);
    seen.view.show(server.save(`image-${index}`, "picture"));
    return seen;
  });
  t.after(() => views.forEach(({ view }) => view.end()));
  const have = (status) => until(() => views.every(({ states }) => states.at(-1)?.status === status));
  return { outage, views, have, tick };
}

test("images that failed in an outage come by themselves when it is over, all in one tick", async (t) => {
  const { outage, have, tick } = inOutage(t, 3);
  await have("error");
  assert.equal(outage.asked.length, 3);
  tick(9_999);
  assert.equal(outage.asked.length, 3);
  tick(1);
  await until(() => outage.asked.length === 6);
  await have("error");
  tick(19_999);
  assert.equal(outage.asked.length, 6);
  outage.isOver = true;
  tick(1);
  await have("shown");
  assert.equal(outage.asked.length, 9);
});

test("after seven failures the server is left alone, until the browser is online again", async (t) => {
  const page = pageEvents(t);
  const { outage, have, tick } = inOutage(t);
  for (let failures = 1; failures <= 7; failures += 1) {
    await until(() => outage.asked.length === failures);
    await have("error");
    tick(10_000 * 2 ** (failures - 1));
  }
  tick(3_600_000);
  assert.equal(outage.asked.length, 7);
  outage.isOver = true;
  page.dispatchEvent(new Event("online"));
  assert.equal(outage.asked.length, 7);
  tick(500);
  await have("shown");
  assert.equal(outage.asked.length, 8);
});

for (const [name, failure] of Object.entries({
  "a refusal": () => new RefusedError("no", { reason: "authorize", status: 403 }),
  "an image that is gone": () => new NotFoundError("gone"),
  "another status below 500": () => new FetchError("no", { status: 404 }),
})) {
  test(`the server is not asked again by itself after ${name}`, async (t) => {
    const { outage, have, tick } = inOutage(t, 1, failure);
    await have("error");
    tick(3_600_000);
    assert.equal(outage.asked.length, 1);
  });
}

test("a view that is hidden or ended, or is tried again by hand, does not try by itself", async (t) => {
  const { outage, views, have, tick } = inOutage(t, 3);
  await have("error");
  views[0].view.hide();
  views[1].view.end();
  outage.isOver = true;
  views[2].view.retry();
  await until(() => views[2].states.at(-1).status === "shown");
  tick(60_000);
  assert.equal(outage.asked.length, 4);
});

test("an image that can't be drawn is an error again after a retry, though it is in memory by then", async () => {
  const { view, has, statuses } = watched();
  canDraw = () => false;
  view.show(server.save(ID, "no picture"));
  await has("error");
  statuses();
  view.retry();
  await has("error");
  assert.deepEqual(statuses(), ["loading", "error"]);
  assert.deepEqual([server.requests.length, urls.size], [1, 0]);
});

test("an image in memory that can't be drawn becomes an error", async () => {
  const { client, view, states, has } = watched();
  const record = server.save(ID, "no picture");
  await client.getImage(record);
  canDraw = () => false;
  view.show(record);
  await has("error");
  assert.match(states.at(-1).error.message, /can't draw/);
  assert.equal(urls.size, 0);
});

test("a failed image stays failed until there is a fresher record", async () => {
  let isThere = false;
  const { view, has, statuses } = watched(createClient({}, async () => (isThere ? successPayload(server.version(ID)) : Uint8Array.of(2))));
  const record = server.save(ID, "picture");
  view.show(record);
  await has("error");
  isThere = true;
  statuses();
  view.show({ ...record });
  assert.deepEqual(statuses(), []);
  view.show({ ...record, statelessProof: "fresh" });
  await has("shown");
});

test("where all is cleared a view is told so, whether it has shown anything or not, and shows nothing", async () => {
  const client = createClient();
  const [shown, loading, hidden, unused, ended] = Array.from({ length: 5 }, () => watched(client));
  const record = server.save(ID, "picture");
  for (const { view, has } of [shown, hidden, ended]) {
    view.show(record);
    await has("shown");
  }
  hidden.view.hide();
  ended.view.end();
  loading.view.show(server.save(OTHER, "picture"));
  const all = [shown, loading, hidden, unused, ended];
  all.forEach(({ statuses }) => statuses());
  await client.clear();
  all.forEach(({ view }) => view.retry());
  const told = all.map(({ statuses }) => statuses());
  assert.deepEqual(told, [["idle", "cleared"], ["idle", "cleared"], ["cleared"], ["cleared"], []]);
  assert.equal(urls.size, 0);
});

test("an id is enough where the client can get records, and a retry gets a new one", async () => {
  const contexts = [];
  let isThere = true;
  const refreshRecord = (id, context) => {
    contexts.push(context);
    return isThere ? server.save(id, "picture") : null;
  };
  const { view, states, has } = watched(createClient({ refreshRecord }));
  view.show(ID, { image: { context: "page" } });
  await has("shown");
  isThere = false;
  view.retry();
  await has("error");
  assert.equal(states.at(-1).error.name, "NotFoundError");
  assert.deepEqual(contexts, ["page", "page"]);
});

test("the record that an id leads to is told before its image has come", async () => {
  const { open, passed } = gate();
  const refreshRecord = (id) => server.save(id, "picture");
  const slow = createClient({ refreshRecord }, async ({ id }) => {
    await passed;
    return successPayload(server.version(id));
  });
  const { view, states, has } = watched(slow);
  view.show(ID);
  await until(() => states.at(-1).record);
  assert.deepEqual([states.at(-1).status, states.at(-1).record.id, states.at(-1).url], ["loading", ID, undefined]);
  open();
  await has("shown");
});

test("another size of the same image takes the place of the one before, without a question for the record", async () => {
  const variants = { thumb: server.save(`${ID}~thumb`, "small") };
  let questions = 0;
  const refreshRecord = () => {
    questions += 1;
    return { ...server.save(ID, "large"), variants };
  };
  const { view, states, has } = watched(createClient({ refreshRecord }));
  view.show(ID, { choose: (record) => record.variants.thumb });
  await has("shown");
  assert.equal(await textIn(states.at(-1).url), "small");
  const { url } = states.splice(0).at(-1);
  view.show(ID);
  assert.equal(states[0].url, url);
  await has("shown");
  assert.equal(await textIn(states.at(-1).url), "large");
  assert.deepEqual([questions, urls.size], [1, 1]);
});

test("after `clear`, as at a sign-out in another tab, no picture stays", async () => {
  const [mine, other] = [createClient(), createClient()];
  const { view, states, has } = watched(mine);
  view.show(server.save(ID, "picture"));
  await has("shown");
  await other.clear();
  await has("cleared");
  assert.equal(urls.size, 0);
  assert.equal(states.at(-2).url, undefined);
});

test("where the page's client was replaced, a view follows the new one", async () => {
  const clients = [createClient(), createClient()];
  let current = clients[0];
  const page = { ...clients[0], onRemoved: (listener) => current.onRemoved(listener) };
  const { view, has, statuses } = watched(page);
  view.show(server.save(ID, "picture"));
  await has("shown");
  current = clients[1];
  clients[0].close();
  statuses();
  await clients[1].clear();
  assert.deepEqual(statuses().slice(-2), ["idle", "cleared"]);
});

test("a deleted image is asked for again, and gone; other images stay", async () => {
  const { client, view, has, statuses } = watched();
  view.show(server.save(ID, "picture"));
  await has("shown");
  statuses();
  await client.deleteCachedImage(OTHER);
  assert.deepEqual(statuses(), []);
  // The server has it no more.
  Object.defineProperty(server, "version", { value: () => undefined });
  await client.deleteCachedImage(ID);
  await has("shown");
  assert.equal(server.requests.length, 2);
});

test("a view of a client that was closed shows nothing", async () => {
  const { client, view, has } = watched();
  view.show(server.save(ID, "picture"));
  await has("shown");
  client.close();
  await has("idle");
  assert.equal(urls.size, 0);
});

test("a thousand times shown and ended leaves no URL and no listener", async () => {
  const client = createClient();
  const listeners = new Set();
  const onRemoved = (listener) => {
    const end = client.onRemoved(listener);
    listeners.add(end);
    return () => {
      listeners.delete(end);
      end();
    };
  };
  const record = server.save(ID, "picture");
  await client.getImage(record);
  for (let turn = 0; turn < 1000; turn += 1) {
    const view = createView({ ...client, onRemoved }, () => {}, () => {});
    view.show(turn % 2 ? record : { ...record, token: 2 });
    view.end();
  }
  await until(() => listeners.size + urls.size === 0);
});

test("the size that is shown is nearest to its place by proportion, and has 3/4 of its CSS pixels", () => {
  const [thumb, card] = [{ id: `${ID}~thumb`, width: 320 }, { id: `${ID}~card`, width: 960 }];
  const record = { id: ID, width: 4000, variants: { card, thumb } };
  const [firstCard, firstRecord] = [427, 1281]; // the widths of which 320 and 960 are less than 3/4
  assert.deepEqual(
    [0, 320, firstCard - 1, firstCard, 960, firstRecord - 1, firstRecord, 5000].map((width) => sizeFor(record, width)),
    [thumb, thumb, thumb, card, card, card, record, record],
  );
  assert.equal(sizeFor({ id: ID }, 100).id, ID);
  assert.equal(sizeFor({ id: ID, variants: { thumb } }, 500).id, ID);
  for (const none of [null, undefined, 1, "thumb"]) assert.equal(sizeFor({ id: ID, variants: { none, thumb } }, thumb.width).id, thumb.id);
  // On a screen with 2 device pixels a CSS pixel: 392 is the proportional middle between 96 and 1600.
  const small = { id: ID, width: 1600, variants: { icon: { id: `${ID}~icon`, width: 96 } } };
  const chosen = [48, 96, 128, 129].map((width) => sizeFor(small, 2 * width, width).width);
  assert.deepEqual(chosen, [96, 96, 96, 1600]);
  assert.deepEqual([391, 392].map((width) => sizeFor(small, width, 96).width), [96, 1600]);
  assert.equal(sizeFor({ id: ID, variants: { thumb } }, 640, 320).id, thumb.id);
  // A size that is no smaller than the original is one in a format that may be shorter.
  assert.equal(sizeFor({ id: ID, width: 320, variants: { thumb } }, 900).id, ID);
});

test("a place of 96 pixels fetches no original, because the largest variant is a little smaller", () => {
  for (const width of [72, 96, 180, 190, 192, 240]) {
    const record = { id: ID, width: 3000, height: 2000, variants: { thumb: { id: `${ID}~thumb`, width, height: (width * 2) / 3 } } };
    for (const scale of [1, 1.5, 2, 3]) assert.equal(sizeFor(record, 96 * scale, 96).width, width);
  }
});

test("a place of the ratio of cropped variants gets the nearest of them, and without one a size of the original", () => {
  const [small, large] = [96, 192].map((width) => ({ id: `${ID}~${width}`, width, height: width }));
  const thumb = { id: `${ID}~thumb`, width: 320, height: 213 };
  const record = { id: ID, width: 1600, height: 1067, variants: { thumb, large, small } };
  const square = (width) => ({ width, height: width });
  const chosen = [[48, 1], [48, 2], [96, 1], [96, 2], [120, 3], [257, 1]].map(([width, scale]) => sizeFor(record, width * scale, width, square(width)));
  assert.deepEqual(chosen, [small, small, small, large, large, thumb]);
  assert.equal(sizeFor({ ...record, variants: { thumb, small } }, 192, 96, square(96)), small);
  assert.equal(sizeFor({ ...record, variants: { thumb } }, 192, 96, square(96)), thumb);
});

test("a cropped variant never replaces its original, nor does the original replace it", () => {
  const avatar = { id: `${ID}~avatar`, width: 192, height: 192 };
  const thumb = { id: `${ID}~thumb`, width: 320, height: 213 };
  const record = { id: ID, width: 1600, height: 1067, variants: { avatar, thumb } };
  for (const width of [0, 96, 192, 400, 5000]) {
    assert.notEqual(sizeFor(record, 2 * width, width), avatar);
    assert.equal(sizeFor(avatar, 2 * width, width), avatar);
    assert.equal(sizeFor({ ...record, variants: { avatar } }, 2 * width, width).id, ID);
  }
  assert.equal(sizeFor(record, 192, 96), thumb);
  assert.equal(sizeFor(record, 192, 96, { width: 96, height: 64 }), thumb);
  assert.equal(sizeFor(record, 192, 96, { width: 96, height: 0 }), thumb);
  assert.equal(sizeFor(record, 192, 96, { width: 0, height: 0 }), thumb);
  // Rounded sides, of thin pictures too, are no crop.
  for (const [width, height, wide, high] of [[1000, 667, 3, 2], [3000, 2, 30, 1], [2, 3000, 1, 30], [999, 1000, 16, 16]]) {
    const small = { id: `${ID}~small`, width: wide, height: high };
    assert.equal(sizeFor({ id: ID, width, height, variants: { small } }, 1), small);
  }
});

/** A client of which each image waits for `answers[id]` to be called; `asked` has ids and priorities in their order. */
function heldClient() {
  const [asked, answers] = [[], {}];
  const fetcher = async (record) => {
    await new Promise((answer) => (answers[record.id] = answer));
    return successPayload(server.version(record.id));
  };
  const client = createClient({}, fetcher);
  const objectUrl = (record, options) => {
    asked.push([record.id, options.priority]);
    return client.objectUrl(record, options);
  };
  return { client: { ...client, objectUrl }, asked, answers };
}

/** Long enough for all that waits for its turn to have it. */
const turns = () => new Promise((go) => setTimeout(go, 20));

const LOW = { image: { priority: "low" } };

test("views of low priority load once no other view is loading, in any order of the calls", async () => {
  const { client, asked, answers } = heldClient();
  const views = ["low-1", "one", "low-2", "two"].map((id) => {
    const { view, has } = watched(client);
    view.show(server.save(id, id), id.startsWith("low") ? LOW : {});
    return { view, has };
  });
  await until(() => answers.one && answers.two);
  await turns();
  answers.one();
  await views[1].has("shown");
  await turns();
  assert.deepEqual(asked.map(([id]) => id), ["one", "two"]);
  answers.two();
  await until(() => answers["low-1"] && answers["low-2"]);
  assert.deepEqual(asked.slice(2), [["low-1", "low"], ["low-2", "low"]]);
  for (const id of ["low-1", "low-2"]) answers[id]();
  for (const { view, has } of views) {
    await has("shown");
    view.end();
  }
});

test("views of low priority that wait for no other view load in one tick, so that one batch requests them", async () => {
  const { client } = heldClient();
  const ticks = [];
  let tick = 0;
  const objectUrl = () => {
    ticks.push(tick);
    process.nextTick(() => (tick += 1));
    return new Promise(() => {});
  };
  const views = ["one", "two", "three"].map((id) => {
    const { view } = watched({ ...client, objectUrl });
    view.show(server.save(id, id), LOW);
    return view;
  });
  await until(() => ticks.length === 3);
  assert.deepEqual(ticks, [0, 0, 0]);
  for (const view of views) view.end();
});

test("a view that comes into sight while it waits loads at once, and one under way is not asked for again", async () => {
  const { client, asked, answers } = heldClient();
  const [first, waits, later] = ["first", "waits", "later"].map((id) => ({ ...watched(client), record: server.save(id, id) }));
  first.view.show(first.record);
  waits.view.show(waits.record, LOW);
  await until(() => answers.first);
  await turns();
  waits.view.show(waits.record);
  await until(() => answers.waits);
  answers.first();
  answers.waits();
  await Promise.all([first.has("shown"), waits.has("shown")]);
  later.view.show(later.record, LOW);
  await until(() => answers.later);
  later.view.show(later.record);
  await turns();
  answers.later();
  await later.has("shown");
  assert.deepEqual(asked, [["first", undefined], ["waits", undefined], ["later", "low"]]);
  for (const { view } of [first, waits, later]) view.end();
});

test("a view that fails, hides or ends holds no other back, and one that hides while it waits asks for nothing", async () => {
  const { client, asked, answers } = heldClient();
  const [hides, ends, fails] = ["hides", "ends", "fails"].map((id) => ({ ...watched(client), record: server.save(id, id) }));
  const low = ["low-left", "low-stays"].map((id) => ({ ...watched(client), record: server.save(id, id) }));
  hides.view.show(hides.record);
  ends.view.show(ends.record);
  fails.view.show({ ...fails.record, token: 0 });
  for (const { view, record } of low) view.show(record, LOW);
  await until(() => answers.hides && answers.ends);
  await fails.has("error");
  await turns();
  low[0].view.hide();
  hides.view.hide();
  await turns();
  assert.equal(asked.some(([id]) => id.startsWith("low")), false);
  ends.view.end();
  await until(() => answers["low-stays"]);
  answers["low-stays"]();
  await low[1].has("shown");
  assert.equal(asked.some(([id]) => id === "low-left"), false);
  for (const { view } of [hides, fails, ...low]) view.end();
});

/** Show an image that fails with this error, in two views, and return the warnings on the console. */
async function warningsOf(t, error) {
  const { mock } = t.mock.method(console, "warn", () => {});
  const failing = { ...createClient(), peek: () => undefined, objectUrl: () => Promise.reject(error) };
  for (const { view, has } of [watched(failing), watched(failing)]) {
    view.show(server.save(ID, "picture"));
    await has("error");
    view.end();
  }
  return mock.calls.splice(0).map(({ arguments: [text] }) => text);
}

for (const [name, error] of [
  ["a page without WebCrypto", new PixstoreError("this page has no WebCrypto: use HTTPS or localhost")],
  ["a wrong option", new ConfigError("set `recordsUrl` or `refreshRecord`")],
  ["a value that is no record", new RecordError("this is no image record: it has no meta", { reason: "shape" })],
  ["an endpoint that does not exist", statusError(404)],
  ["an endpoint that redirects", statusError(0)],
  ["an endpoint that answers with a page", new WireError("unknown state 60", { reason: "unknown-state" })],
  ["a proxy that drops the proof", stateError(WireState.MissingProof)],
]) {
  test(`${name} is one warning on the console, however many pictures fail`, async (t) => {
    assert.deepEqual(await warningsOf(t, error), [`pixstore: a picture can't be shown: ${error.message}`]);
  });
}

test("an error that users of a correct page meet is no warning on the console", async (t) => {
  for (const name of ["gone", "expired", "signed-out", "forbidden", "server", "busy", "offline", "damaged"]) {
    assert.deepEqual(await warningsOf(t, failureOf(name)), [], name);
  }
  for (const error of [
    statusError(429),
    new RecordError("the record is sealed to another page, or was changed", { reason: "sealed" }),
    new PixstoreError("the browser can't draw the image", { cause: new Error("undecodable") }),
    new Error("an error of the application's own function"),
  ]) {
    assert.deepEqual(await warningsOf(t, error), [], error.message);
  }
});
