/** Each test of a file that imports this starts with an empty storage, a server, and clients, which are tabs. */

import { beforeEach } from "node:test";

import { createClient as createClientOf } from "../../../js_client/src/index.js";
import { until } from "./page.js";
import { createServer } from "./server.js";
import { emptyStorage } from "./storage.js";

/** The id of an image. */
export const ID = "players:abc";

export let server;
/** The storage failures that the clients were told of. */
export let errors;
/** The database, one for each test: the clients of one hear each other, and no test is to hear another. */
export let name;

let tests = 0;
beforeEach(() => {
  emptyStorage();
  server = createServer();
  errors = [];
  tests += 1;
  name = `test-${tests}`;
});

/** A client of this test's database, and of its server, unless it has a fetcher of its own, or null for none. */
export const createClient = (config, fetcher = server.fetcher) =>
  createClientOf({ databaseName: name, onCacheError: (error) => errors.push(error), ...config }, fetcher);

/** Wait until so many images are in a client's storage. */
export const isStored = (client, count = 1) => until(async () => (await client.stats()).images === count);

export const memoryImages = async (client) => (await client.stats()).memoryImages;
