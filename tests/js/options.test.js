import assert from "node:assert/strict";
import { test } from "node:test";

import { ConfigError, createClient } from "../../js_client/src/index.js";
import { endpointBeside, resolveOptions } from "../../js_client/src/options.js";

const endpoint = (config) => resolveOptions(config).endpoint;

const refuses = (config, text) =>
  assert.throws(() => createClient(config), (error) => error instanceof ConfigError && error.message.includes(text));

test("the defaults are the protocol's route and an encrypted cache of 1000 images in a database of our own", () => {
  const { onCacheError, ...options } = resolveOptions({});
  assert.deepEqual(options, {
    endpoint: "/pixstore-image",
    cache: "encrypted",
    databaseName: "pixstore-asgi",
    cacheLimit: 1000,
    cleanupBatch: 50,
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
  assert.equal(endpointBeside("https://cdn.example.org/pixstore-asgi-client/src/options.js"), "/pixstore-image");
});

test("npm's endpoint names make one address of the page's own scheme", () => {
  const address = { defaultEndpointConnectHost: "img.example.org", defaultEndpointConnectPort: 8000 };
  assert.equal(endpoint({ ...address, defaultEndpointRoute: "/i" }), "//img.example.org:8000/i");
  assert.equal(endpoint({ defaultEndpointConnectHost: "127.0.0.1" }), "//127.0.0.1:3001/pixstore-image");
  assert.equal(endpoint({ defaultEndpointRoute: "/i/" }), "/i");
});

test("npm's cache names count as ours, and its database name never opens npm's own database", () => {
  const options = resolveOptions({ frontendDbName: "pixstore", frontendImageCacheLimit: 40, frontendCleanupBatch: 3 });
  assert.equal(options.databaseName, "pixstore-asgi");
  assert.equal(options.cacheLimit, 40);
  assert.equal(options.cleanupBatch, 3);
});

test("an option that is undefined or null counts as not given", () => {
  assert.equal(endpoint({ endpoint: undefined, defaultEndpointRoute: null }), "/pixstore-image");
  assert.equal(resolveOptions({ cacheLimit: 20 }).cleanupBatch, 1);
});

test("an unknown option is refused with the list of the known ones", () => {
  refuses({ endpont: "/x" }, "endpont");
  refuses({ endpont: "/x" }, "endpoint, cache, databaseName, cacheLimit, cleanupBatch, onCacheError");
  refuses({ endpont: "/x" }, "frontendDbName");
});

test("an npm option without a meaning here is refused with the reason", () => {
  refuses({ imageFormats: ["png"] }, "fixed byte");
  refuses({ frontendDbVersion: 2 }, "layout of its own");
  refuses({ imageStoreName: "images" }, "layout of its own");
  refuses({ errorHandlingMode: "warn" }, "rejects");
});

test("a value that can't work is refused by the option's name", () => {
  refuses({ endpoint: "" }, "endpoint");
  refuses({ endpoint: "/x?y=1" }, "endpoint");
  refuses({ cache: "plain" }, "cache must be one of encrypted, decrypted, off");
  refuses({ databaseName: 7 }, "databaseName");
  refuses({ cacheLimit: 0 }, "cacheLimit");
  refuses({ cacheLimit: 10, cleanupBatch: 10 }, "cleanupBatch");
  refuses({ onCacheError: "log" }, "onCacheError");
  refuses({ defaultEndpointConnectPort: 80 }, "defaultEndpointConnectHost");
  refuses({ defaultEndpointConnectHost: "http://a" }, "defaultEndpointConnectHost");
  refuses({ defaultEndpointConnectHost: "a", defaultEndpointConnectPort: 70000 }, "defaultEndpointConnectPort");
  refuses({ defaultEndpointConnectHost: "a", defaultEndpointRoute: "i" }, "defaultEndpointRoute");
  refuses(null, "object");
});

test("an option under both of its names is refused", () => {
  refuses({ endpoint: "/a", defaultEndpointRoute: "/b" }, "not both");
  refuses({ cacheLimit: 100, frontendImageCacheLimit: 100 }, "not both");
});

test("a fetcher that is no function is refused", () => {
  assert.throws(() => createClient({}, {}), ConfigError);
});
