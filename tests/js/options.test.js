import assert from "node:assert/strict";
import { test } from "node:test";

import { ConfigError, createClient, initPixstoreFrontend } from "../../js_client/src/index.js";
import { translateNpmNames } from "../../js_client/src/options/npm-names.js";
import { endpointBeside } from "../../js_client/src/options/endpoint.js";
import { resolveOptions } from "../../js_client/src/options/options.js";

const npm = (config) => resolveOptions(translateNpmNames(config));
const endpoint = (config) => npm(config).endpoint;

const refuses = (config, text) =>
  assert.throws(() => initPixstoreFrontend(config), (error) => error instanceof ConfigError && error.message.includes(text));

test("the defaults are the protocol's route and an encrypted cache of 1000 images in a database of our own", () => {
  const { onCacheError, ...options } = resolveOptions({});
  assert.deepEqual(options, {
    endpoint: "/pixstore-image",
    cache: "encrypted",
    keyPair: "memory",
    databaseName: "pixstore-asgi",
    namespace: "",
    cacheLimit: 1000,
    cacheBytes: 512 * 2 ** 20,
    memoryBytes: 32 * 2 ** 20,
    cleanupBatch: 50,
    timeoutMs: 60_000,
    retries: 3,
    parallel: 6,
  });
  assert.equal(onCacheError(), undefined);
});

test("an endpoint is a path or a URL, with or without a trailing slash", () => {
  assert.equal(endpoint({ endpoint: "/images/" }), "/images");
  assert.equal(endpoint({ endpoint: "https://img.example.org/a" }), "https://img.example.org/a");
  assert.equal(endpoint({ endpoint: "/" }), "");
});

test("the default endpoint is the mount that the client was loaded from", () => {
  assert.equal(endpointBeside("https://img.example.org/my/mount/-/client/options.js"), "https://img.example.org/my/mount");
  assert.equal(endpointBeside("https://cdn.example.org/pixstore-asgi-client/src/options/options.js"), "/pixstore-image");
  assert.equal(endpointBeside(undefined), "/pixstore-image", "a bundle that is no module");
});

test("npm's endpoint names make one address of the page's own scheme", () => {
  const address = { defaultEndpointConnectHost: "img.example.org", defaultEndpointConnectPort: 8000 };
  assert.equal(endpoint({ ...address, defaultEndpointRoute: "/i" }), "//img.example.org:8000/i");
  assert.equal(endpoint({ defaultEndpointConnectHost: "127.0.0.1" }), "//127.0.0.1:3001/pixstore-image");
  assert.equal(endpoint({ defaultEndpointRoute: "/i/" }), "/i");
});

test("npm's cache names count as ours, and its database name never opens npm's own database", () => {
  const options = npm({ frontendDbName: "pixstore", frontendImageCacheLimit: 40, frontendCleanupBatch: 3 });
  assert.equal(options.databaseName, "pixstore-asgi");
  assert.equal(options.cacheLimit, 40);
  assert.equal(options.cleanupBatch, 3);
});

test("every option can be given, to createClient as well", () => {
  const options = {
    endpoint: "/images",
    cache: "decrypted",
    databaseName: "mine",
    namespace: "me",
    cacheLimit: 10,
    cacheBytes: 0,
    memoryBytes: 0,
    cleanupBatch: 0,
    refreshRecord: () => null,
    keyPair: "stored",
    headers: { authorization: "Bearer mine" },
    credentials: () => "include",
    timeoutMs: 1,
    retries: 0,
    parallel: 1,
    onCacheError: () => {},
  };
  assert.deepEqual({ ...resolveOptions(options) }, options);
  createClient(options).close();
});

test("an option that is undefined or null counts as not given", () => {
  for (const nothing of [undefined, null]) {
    const { cacheLimit, endpoint, parallel } = resolveOptions({ cacheLimit: nothing, endpoint: nothing, parallel: nothing });
    assert.deepEqual([cacheLimit, endpoint, parallel], [1000, "/pixstore-image", 6]);
    createClient({ cacheLimit: nothing }).close();
  }
  assert.equal(endpoint({ endpoint: undefined, defaultEndpointRoute: null }), "/pixstore-image");
  assert.equal(npm({ cacheLimit: 20 }).cleanupBatch, 1);
});

test("an unknown option is refused with the list of the known ones", () => {
  refuses({ endpont: "/x" }, "endpont");
  refuses({ endpont: "/x" }, "endpoint, cache, databaseName, namespace, cacheLimit");
  refuses({ toString: 1 }, "toString is no option");
  assert.throws(() => createClient({ frontendDbName: "x" }), ConfigError);
  assert.throws(() => createClient({ valueOf: 1 }), { name: "ConfigError", message: /^valueOf is no option/ });
});

test("an npm option without a meaning here is refused by its name", () => {
  for (const name of ["imageFormats", "frontendDbVersion", "imageStoreName", "errorHandlingMode"]) {
    refuses({ [name]: 1 }, `${name} is no option`);
  }
});

test("a value that can't work is refused by the option's name", () => {
  refuses({ endpoint: "" }, "endpoint");
  refuses({ endpoint: "/x?y=1" }, "endpoint");
  refuses({ cache: "plain" }, "cache must be one of encrypted, decrypted, memory, off");
  refuses({ cache: ["off"] }, "cache must be one of");
  for (const name of ["endpoint", "databaseName", "namespace"]) refuses({ [name]: " " }, `${name} must be a non-empty string`);
  refuses({ databaseName: 7 }, "databaseName");
  refuses({ cacheLimit: 0 }, "cacheLimit");
  refuses({ cacheLimit: 10, cleanupBatch: 10 }, "cleanupBatch");
  refuses({ onCacheError: "log" }, "onCacheError");
  refuses({ worker: "/pixstore-worker.js" }, "worker must be a function");
  refuses({ timeoutMs: 0 }, "timeoutMs must be an integer from 1");
  refuses({ retries: 1.5 }, "retries");
  refuses({ defaultEndpointConnectPort: 80 }, "defaultEndpointConnectHost");
  refuses({ defaultEndpointConnectHost: "http://a" }, "defaultEndpointConnectHost");
  refuses({ defaultEndpointConnectHost: "a", defaultEndpointConnectPort: "x" }, "defaultEndpointConnectHost");
  refuses({ defaultEndpointConnectHost: "a", defaultEndpointRoute: "i" }, "Route");
  refuses(null, "object");
});

test("an addition to Object.prototype is no option", (t) => {
  const added = { endpoint: "https://evil.example", refreshRecord: () => null, headers: { a: "b" }, defaultEndpointConnectHost: "evil" };
  t.after(() => Object.keys(added).forEach((name) => delete Object.prototype[name]));
  Object.assign(Object.prototype, added);
  for (const options of [resolveOptions({}), npm({}), npm({ defaultEndpointRoute: "/pixstore-image" })]) {
    assert.deepEqual([options.endpoint, options.refreshRecord, options.headers], ["/pixstore-image", undefined, undefined]);
  }
});

test("headers and credentials go with the client's own requests: a fetcher beside them is refused", () => {
  refuses({ headers: "authorization" }, "headers must be an object of headers");
  refuses({ headers: { "a b": "c" } }, "headers must be");
  refuses({ credentials: "all" }, "credentials must be one of omit, same-origin, include");
  for (const config of [{ headers: {} }, { credentials: "include" }]) {
    assert.throws(() => createClient(config, async () => new Uint8Array()), { name: "ConfigError", message: /beside a fetcher/ });
  }
});

test("an option under both of its names is refused", () => {
  refuses({ endpoint: "/a", defaultEndpointRoute: "/b" }, "not both");
  refuses({ cacheLimit: 100, frontendImageCacheLimit: 100 }, "not both");
});

test("a fetcher that is no function is refused", () => {
  assert.throws(() => createClient({}, {}), ConfigError);
});

test("a namespace that was meant and has no value is refused, for it would be everybody's", () => {
  for (const namespace of [undefined, null]) refuses({ namespace }, "namespace");
});
