/** The package as a whole: its exports, and that it can be imported anywhere. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { beforeEach, test } from "node:test";

import * as pixstore from "../../js_client/src/index.js";
import { stubFetch } from "./support/fetch.js";
import { createServer, successPayload } from "./support/server.js";
import { files, importsOf, resolve, SOURCES, textOf } from "./support/sources.js";
import { emptyStorage } from "./support/storage.js";

const { exports } = JSON.parse(readFileSync(new URL("../package.json", SOURCES), "utf8"));

/** The entries that pages import, and the workers. */
const ENTRIES = [
  ...Object.values(exports).map((entry) => entry.default.replace("./src/", "")), "pixstore-worker.js", "service-worker/index.js",
];

beforeEach(emptyStorage);

test("the public names are npm's, and those of this client", () => {
  assert.deepEqual(Object.keys(pixstore), [
    "CacheError", "ConfigError", "DecryptError", "FetchError", "NotFoundError", "PixstoreError", "RecordError",
    "RefusedError", "ServerError", "WireError", "WireState", "cachedImageExists", "clear", "createClient",
    "createFetcher", "decodePayload", "deleteCachedImage", "getImage", "getImages", "getRecord", "initPixstoreFrontend",
    "objectUrl", "onRemoved", "peek", "recipientHeaders", "stats",
  ]);
});

test("every error is a PixstoreError and has its class's name", () => {
  for (const [name, value] of Object.entries(pixstore).filter(([name]) => name.endsWith("Error"))) {
    assert.equal(value.prototype.name, name);
    assert.ok(value === pixstore.PixstoreError || value.prototype instanceof pixstore.PixstoreError);
  }
});

test("importing has no side effect and needs no browser", () => {
  const script = `
    const before = Reflect.ownKeys(globalThis).length;
    const absent = { value: undefined };
    for (const name of ["crypto", "fetch", "Blob", "process"]) Object.defineProperty(globalThis, name, absent);
    await import(${JSON.stringify(new URL("index.js", SOURCES).href)});
    if (Reflect.ownKeys(globalThis).length !== before) throw new Error("a global was added");
  `;
  execFileSync(process.execPath, ["--input-type=module", "--eval", script]);
});

test("the entries load as the modules of a VM, which is how Jest loads them with --experimental-vm-modules", () => {
  const script = `
    import { readFileSync } from "node:fs";
    import vm from "node:vm";
    const context = vm.createContext({ URL, Blob, atob, btoa, setTimeout, clearTimeout });
    const modules = new Map();
    const load = (href) => {
      const initializeImportMeta = (meta) => void (meta.url = href);
      const source = readFileSync(new URL(href), "utf8");
      if (!modules.has(href)) modules.set(href, new vm.SourceTextModule(source, { identifier: href, context, initializeImportMeta }));
      return modules.get(href);
    };
    for (const entry of ["index.js", "testing/index.js", "view/index.js", "element/index.js", "image-worker/index.js"]) {
      const module = load(${JSON.stringify(SOURCES.href)} + entry);
      if (module.status === "unlinked") await module.link((name, { identifier }) => load(new URL(name, identifier).href));
      await module.evaluate();
    }
    const { createTestClient } = load(${JSON.stringify(SOURCES.href)} + "testing/index.js").namespace;
    if (typeof createTestClient !== "function") throw new Error("it has no createTestClient");
  `;
  execFileSync(process.execPath, ["--experimental-vm-modules", "--no-warnings", "--input-type=module", "--eval", script]);
});

test("no file imports a package but a framework in its own room, or names process, and the entries need every one", () => {
  const reached = new Set();
  const visit = (file) => {
    if (reached.has(file)) return;
    reached.add(file);
    for (const path of importsOf(file)) {
      assert.match(path, /^\.\.?\/([a-z0-9-]+\/)?[a-zA-Z0-9-]+\.(js|svelte)$/);
      visit(resolve(file, path));
    }
  };
  for (const file of ENTRIES) visit(file);
  assert.deepEqual([...reached].sort(), files);
  for (const file of files) assert.doesNotMatch(textOf(file), /\bprocess\b/);
});

test("bundlers find the worker where README says that it is, and by the one expression that they look for", () => {
  const readme = readFileSync(new URL("../README.md", SOURCES), "utf8");
  const named = [...readme.matchAll(/pixstore-asgi-client\/src\/([^`"]+)/g)].map(([, file]) => file);
  assert.deepEqual(new Set(named), new Set(["pixstore-worker.js"]));
  assert.ok(files.includes("pixstore-worker.js"));
  // Relative to its file, which in `dist` is index.js: so it must stand beside the worker.
  const expression = 'new Worker(new URL("./pixstore-worker.js", import.meta.url), { type: "module" })';
  const naming = files.filter((file) => textOf(file).includes(expression));
  assert.deepEqual(naming, ["client.js"]);
});

test("the package's functions work before initPixstoreFrontend, with the defaults", async () => {
  const server = createServer();
  const record = server.save("players:abc", "image");
  const respond = () => new Response(successPayload(server.version("players:abc")));
  const calls = await stubFetch(respond, async () => {
    assert.equal((await pixstore.getImage(record)).type, "image/png");
    assert.equal(await pixstore.cachedImageExists("players:abc"), true);
    assert.equal(await pixstore.deleteCachedImage("players:abc"), true);
  });
  assert.deepEqual(calls.map(({ url }) => url), ["/pixstore-image/players:abc"]);
});

test("initPixstoreFrontend sets the endpoint or a fetcher, and can be called again", async () => {
  const server = createServer();
  const record = server.save("players:abc", "image");
  pixstore.initPixstoreFrontend({ defaultEndpointRoute: "/i", cache: "off" });
  const respond = () => new Response(successPayload(server.version("players:abc")));
  const calls = await stubFetch(respond, () => pixstore.getImage(record));
  assert.deepEqual(calls.map(({ url }) => url), ["/i/players:abc"]);
  pixstore.initPixstoreFrontend({}, server.fetcher);
  await pixstore.getImage(record, { context: "context" });
  assert.equal(server.requests[0].context, "context");
});

test("the functions hand the options of getImage and getImages on", async () => {
  const server = createServer();
  const [first, ...others] = ["a", "b", "c"].map((id) => server.save(id, id));
  pixstore.initPixstoreFrontend({ cache: "off" }, server.fetcher);
  await pixstore.getImage(first, { context: "one" });
  for await (const { error } of pixstore.getImages(others, { context: "many" })) assert.equal(error, undefined);
  assert.deepEqual(server.requests.map(({ context }) => context), ["one", "many", "many"]);
});

test("the first initPixstoreFrontend replaces no client, and a second one ends the loads of the first", async () => {
  const { initPixstoreFrontend, getImage } = await import("../../js_client/src/index.js?loaded-anew");
  const server = createServer();
  const record = server.save("players:abc", "image");
  initPixstoreFrontend({ cache: "off" }, () => new Promise(() => {}));
  const image = getImage(record);
  initPixstoreFrontend({ cache: "off" }, server.fetcher);
  await assert.rejects(image, { name: "AbortError" });
  assert.equal((await getImage(record)).type, "image/png");
});
