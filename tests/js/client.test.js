/** Facts that hold for every kind of cache; the last section is about the cache that is off. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";

import { IDBObjectStore } from "fake-indexeddb";

import {
  ConfigError, createClient as createOpenClient, DecryptError, FetchError, NotFoundError, PixstoreError, RecordError,
  RefusedError, ServerError, WireError, WireState,
} from "../../js_client/src/index.js";
import { gate, textOf } from "./support/page.js";
import { createServer, successPayload, updatedPayload } from "./support/server.js";
import { dump, emptyStorage, overwrite, patch } from "./support/storage.js";

const ID = "players:abc";

async function assertEmpty() {
  const { entries, bytes } = await dump();
  assert.deepEqual([entries, bytes], [[], []]);
}

const once = (answer, then) => {
  let isFirst = true;
  return async (...args) => {
    if (!isFirst) return then(...args);
    isFirst = false;
    return answer(...args);
  };
};

/** The clients of one test. */
const clients = [];
const createClient = (...args) => {
  const client = createOpenClient(...args);
  clients.push(client);
  return client;
};

beforeEach(emptyStorage);

afterEach(async () => {
  // Let the writes of one test end before the next test patches IndexedDB: reading waits for writing.
  await dump();
  // An open client gets the messages of every later one: hundreds of them cost many seconds.
  for (const client of clients.splice(0)) client.close();
});

for (const cache of ["encrypted", "decrypted"]) {
  describe(`with cache: "${cache}"`, () => {
    let server;
    beforeEach(() => {
      server = createServer();
    });
    const clientOf = (fetcher = server.fetcher, config = {}) =>
      createClient({ cache, memoryBytes: 0, retries: 0, ...config }, fetcher);

    test("an image comes back with its bytes and its type", async () => {
      const record = server.save(ID, "image", { formatByte: 3 });
      const blob = await clientOf().getImage(record);
      assert.equal(blob.type, "image/jpeg");
      assert.equal(await textOf(blob), "image");
    });

    test("the second call is served from the cache, also by a client that starts anew", async () => {
      const record = server.save(ID, "image");
      const client = clientOf();
      await client.getImage(record);
      assert.equal(await client.cachedImageExists(ID), true);
      for (const again of [client, clientOf()]) {
        const blob = await again.getImage(record);
        assert.deepEqual([await textOf(blob), blob.type], ["image", "image/png"]);
      }
      assert.equal(server.requests.length, 1);
    });

    test("a record with another token is not served from the cache", async () => {
      const client = clientOf();
      await client.getImage(server.save(ID, "old", { token: 1 }));
      assert.equal(await textOf(await client.getImage(server.save(ID, "new", { token: 2 }))), "new");
      assert.equal(server.requests.length, 2);
    });

    test("an image newer than its record comes with its own key and is cached under its own token", async () => {
      const stale = server.save(ID, "old", { token: 1 });
      const fresh = server.save(ID, "new", { token: 2 });
      const client = clientOf();
      assert.equal(await textOf(await client.getImage(stale)), "new");
      assert.equal(await client.cachedImageExists(ID), true);
      assert.equal(await textOf(await client.getImage(fresh)), "new");
      assert.equal(server.requests.length, 1);
    });

    test("an older version that arrives late never replaces a newer one in the cache", async () => {
      const old = server.save(ID, "old", { token: 1 });
      const oldPayload = successPayload(server.version(ID));
      const fresh = server.save(ID, "new", { token: 2 });
      await clientOf().getImage(fresh);
      const late = clientOf(async () => oldPayload);
      assert.equal(await textOf(await late.getImage(old)), "old");
      assert.equal(await late.cachedImageExists(ID), true);
      assert.deepEqual((await dump()).entries.map(([, entry]) => entry.token), [2]);
      await clientOf().getImage(fresh);
      assert.equal(server.requests.length, 1);
    });

    test("calls for one version at once share one download", async () => {
      const record = server.save(ID, "image");
      const client = clientOf();
      const blobs = await Promise.all(Array.from({ length: 10 }, () => client.getImage({ ...record })));
      assert.equal(server.requests.length, 1);
      for (const blob of blobs) assert.equal(await textOf(blob), "image");
    });

    test("a caller with another proof or context does not share a failure", async () => {
      const record = server.save(ID, "image");
      const refuse = async () => Uint8Array.of(WireState.InvalidProof);
      const client = clientOf(once(refuse, server.fetcher));
      const [first, second, third] = await Promise.allSettled([
        client.getImage({ ...record, statelessProof: "expired" }),
        client.getImage({ ...record, statelessProof: "fresh" }),
        client.getImage({ ...record, statelessProof: "expired" }),
      ]);
      assert.deepEqual([first.status, second.status, third.status], ["rejected", "fulfilled", "rejected"]);
      assert.equal(server.requests.length, 1);
    });

    test("a caller with another context does not share an abort", async () => {
      const record = server.save(ID, "image");
      const abort = async () => Promise.reject(new DOMException("aborted", "AbortError"));
      const client = clientOf(once(abort, server.fetcher));
      const images = ["leaving", "staying"].map((context) => client.getImage(record, { context }));
      const outcomes = await Promise.allSettled(images);
      assert.deepEqual(outcomes.map(({ status }) => status), ["rejected", "fulfilled"]);
    });

    test("a failed download is not remembered", async () => {
      const record = server.save(ID, "image");
      const fail = async () => {
        throw new FetchError("offline");
      };
      const client = clientOf(once(fail, server.fetcher));
      await assert.rejects(client.getImage(record), FetchError);
      assert.equal(await textOf(await client.getImage(record)), "image");
    });

    test("a payload cut at any byte fails and leaves nothing behind that breaks the image", async () => {
      const record = server.save(ID, "image", { token: 2 });
      const stale = { ...record, token: 1 };
      const whole = updatedPayload(server.version(ID));
      for (let length = 0; length < whole.length; length += 1) {
        const client = clientOf(async () => whole.subarray(0, length));
        const image = client.getImage(stale);
        await assert.rejects(image, (error) => error instanceof WireError || error instanceof DecryptError);
        assert.equal(await client.cachedImageExists(ID), false);
        client.close();
      }
      assert.equal(await textOf(await clientOf().getImage(record)), "image");
    });

    test("bytes that fail the tag are neither served nor cached", async () => {
      const record = server.save(ID, "image");
      server.version(ID).ciphertext[2] ^= 1;
      const client = clientOf();
      await assert.rejects(client.getImage(record), (error) => error instanceof DecryptError && error.reason === "tag");
      assert.equal(await client.cachedImageExists(ID), false);
    });

    test("a cached entry that can't be read is dropped and fetched again", async () => {
      const record = server.save(ID, "image");
      const client = clientOf();
      await client.getImage(record);
      const storedNow = async () => (await dump()).bytes[0][1];
      const stored = await storedNow();
      const { image } = stored;
      for (const damaged of [new Uint8Array(image.length).fill(255), image.subarray(0, 3), new Uint8Array()]) {
        await overwrite("bytes", ["", ID], { ...stored, image: damaged });
        assert.equal(await textOf(await client.getImage(record)), "image");
        assert.deepEqual(await storedNow(), stored);
      }
      assert.equal(server.requests.length, 4);
    });

    test("a damaged entry is gone even where the image can't be fetched again", async () => {
      const record = server.save(ID, "image");
      const client = clientOf(once(server.fetcher, async () => Uint8Array.of(WireState.InvalidProof)));
      await client.getImage(record);
      const [[, stored]] = (await dump()).bytes;
      await overwrite("bytes", ["", ID], { ...stored, image: new Uint8Array(stored.size).fill(255) });
      await assert.rejects(client.getImage(record), RefusedError);
      await assertEmpty();
    });

    test("an entry of the other way of caching is never misread", async () => {
      let record;
      // The worst case: a ciphertext that starts with a format byte by chance.
      do record = server.save(ID, "image");
      while (server.version(ID).ciphertext[0] !== 1);
      const other = createClient({ cache: cache === "encrypted" ? "decrypted" : "encrypted" }, server.fetcher);
      await other.getImage(record);
      const client = clientOf();
      assert.equal(await client.cachedImageExists(ID), false);
      assert.equal(await textOf(await client.getImage(record)), "image");
      assert.equal(server.requests.length, 2);
    });

    test("deleteCachedImage tells whether there was an image, and removes all of it", async () => {
      const client = clientOf();
      await client.getImage(server.save(ID, "image"));
      assert.equal(await client.deleteCachedImage(ID), true);
      assert.equal(await client.deleteCachedImage(ID), false);
      assert.equal(await client.cachedImageExists(ID), false);
      await assertEmpty();
    });

    test("a delete wins over a download under way, which is delivered and not cached", async () => {
      const record = server.save(ID, "image");
      const { open, passed } = gate();
      const client = clientOf(async (...args) => {
        await passed;
        return server.fetcher(...args);
      });
      const image = client.getImage(record);
      await client.deleteCachedImage(ID);
      open();
      assert.equal(await textOf(await image), "image");
      assert.equal(await client.cachedImageExists(ID), false);
    });

    test("a delete wins over a write and over a hit under way, whenever it comes", async () => {
      const record = server.save(ID, "image");
      for (let turns = 0; turns < 60; turns += 1) {
        const client = clientOf();
        const image = client.getImage(record);
        for (let turn = 0; turn < turns; turn += 1) await (turn % 3 ? null : new Promise(setImmediate));
        await client.deleteCachedImage(ID);
        assert.equal(await textOf(await image), "image");
        assert.equal(await client.cachedImageExists(ID), false, `after ${turns} turns`);
        client.close();
      }
    });

    test("a request that comes after a delete is cached, though an older one is still under way", async () => {
      const record = server.save(ID, "image");
      const { open, passed } = gate();
      const client = clientOf(once(async (...args) => passed.then(() => server.fetcher(...args)), server.fetcher));
      const before = client.getImage(record);
      await client.deleteCachedImage(ID);
      await client.getImage(record);
      open();
      await before;
      assert.equal(await client.cachedImageExists(ID), true);
      assert.equal(server.requests.length, 2);
    });

    test("a voided download that ends doesn't end the sharing of the one that came after it", async () => {
      const record = server.save(ID, "image");
      const [voided, later] = [gate(), gate()];
      const held = (gate) => async (...args) => gate.passed.then(() => server.fetcher(...args));
      const client = clientOf(once(held(voided), held(later)));
      const first = client.getImage(record);
      await client.deleteCachedImage(ID);
      const second = client.getImage(record);
      voided.open();
      await first;
      const third = client.getImage(record);
      later.open();
      assert.equal(await second, await third);
      assert.equal(server.requests.length, 2);
    });

    test("clear removes every image of all clients, and later images are cached again", async () => {
      const client = clientOf();
      const records = ["a", "b", "c"].map((id) => server.save(id, "image"));
      for (const record of records) await clientOf().getImage(record);
      while ((await dump()).entries.length < 3) await new Promise(setImmediate);
      assert.equal(await client.clear(), undefined);
      await assertEmpty();
      await client.getImage(records[0]);
      assert.equal(await client.cachedImageExists("a"), true);
    });

    test("clear wins over downloads, writes and hits under way at any moment, and ends waiting calls", async () => {
      const records = ["a", "b"].map((id) => server.save(id, "image"));
      for (let turns = 0; turns < 30; turns += 1) {
        const client = clientOf();
        const images = Promise.allSettled(records.map((record) => client.getImage(record)));
        for (let turn = 0; turn < turns; turn += 1) await (turn % 3 ? null : new Promise(setImmediate));
        await client.clear();
        for (const { status, value, reason } of await images) {
          if (status === "fulfilled") assert.equal(await textOf(value), "image");
          else assert.equal(reason.name, "AbortError");
        }
        const { entries, bytes } = await dump();
        assert.deepEqual([entries, bytes], [[], []], `after ${turns} turns`);
        client.close();
      }
    });

    test("a delete wins over a write that a full disk makes try again", async (t) => {
      let isFull = true;
      patch(t, IDBObjectStore.prototype, "put", function put(original, ...args) {
        if (!isFull || this.name !== "bytes") return original.apply(this, args);
        isFull = false;
        throw new DOMException("full", "QuotaExceededError");
      });
      const client = clientOf();
      await client.getImage(server.save(ID, "image"));
      await client.deleteCachedImage(ID);
      await new Promise((resolve) => setTimeout(resolve, 20));
      assert.equal(await client.cachedImageExists(ID), false);
    });

    test("the caller doesn't wait for the storage, and a call during it shares the image", async (t) => {
      let isSlow = true;
      patch(t, IDBObjectStore.prototype, "put", function put(original, ...args) {
        // A transaction lasts as long as something is asked of it.
        const prolong = () => {
          if (isSlow) this.count().onsuccess = prolong;
        };
        if (this.name === "bytes") prolong();
        return original.apply(this, args);
      });
      const record = server.save(ID, "image");
      const client = clientOf();
      const blob = await client.getImage(record);
      assert.equal(await client.getImage(record), blob);
      isSlow = false;
      assert.equal(await client.cachedImageExists(ID), true);
    });
  });
}

describe("with cache: \"off\"", () => {
  test("images are served, and IndexedDB isn't touched", async () => {
    const server = createServer();
    const record = server.save(ID, "image");
    const client = createClient({ cache: "off" }, server.fetcher);
    for (let call = 0; call < 2; call += 1) assert.equal(await textOf(await client.getImage(record)), "image");
    assert.equal(server.requests.length, 2);
    assert.equal(await client.cachedImageExists(ID), false);
    assert.equal(await client.deleteCachedImage(ID), false);
    await client.clear();
    assert.deepEqual(await indexedDB.databases(), []);
  });
});

describe("with any cache", () => {
  test("each refusal is an error of its own kind, with the state's number and a remedy", async () => {
    const record = createServer().save(ID, "image");
    const kinds = [NotFoundError, RefusedError, RefusedError, RefusedError, ServerError];
    for (const [index, [reason, state]] of Object.entries(WireState).slice(2).entries()) {
      const client = createClient({ retries: 0 }, async () => Uint8Array.of(state));
      await assert.rejects(client.getImage(record), (error) => {
        assert.ok(error instanceof kinds[index] && error instanceof PixstoreError);
        assert.deepEqual([error.state, error.reason], [state, reason]);
        if (reason === "InvalidProof") assert.match(error.message, /set `recordsUrl`/);
        return true;
      });
    }
  });

  test("a value that is no record is refused before anything is fetched", async () => {
    const server = createServer();
    await assert.rejects(createClient({}, server.fetcher).getImage({ id: ID }), RecordError);
    assert.equal(server.requests.length, 0);
  });

  test("a second argument that is no options object is refused: npm's package takes a context there", async () => {
    const server = createServer();
    const record = server.save(ID, "image");
    for (const options of ["context", { contxt: 1 }, { priority: "urgent" }, { priority: ["high"] }, { signal: "stop" }, { onProgress: 1 }]) {
      await assert.rejects(createClient({}, server.fetcher).getImage(record, options), ConfigError);
    }
    assert.equal(server.requests.length, 0);
  });

  test("a custom fetcher gets the caller's own record and context", async () => {
    const server = createServer();
    const record = { ...server.save(ID, "image"), extra: "mine" };
    const context = { page: 1 };
    await createClient({}, server.fetcher).getImage(record, { context });
    assert.equal(server.requests[0].record, record);
    assert.equal(server.requests[0].context, context);
  });

  test("the error of a custom fetcher reaches the caller unchanged", async () => {
    const failure = new Error("my own");
    const client = createClient({}, async () => Promise.reject(failure));
    await assert.rejects(client.getImage(createServer().save(ID, "image")), (error) => error === failure);
  });

  test("a fetcher that gives anything but a Uint8Array is told so", async () => {
    const record = createServer().save(ID, "image");
    for (const body of [undefined, new ArrayBuffer(8), new Uint16Array(4), "bytes", { 0: 2, length: 1 }]) {
      let calls = 0;
      const client = createClient({}, async () => ((calls += 1), body));
      await assert.rejects(client.getImage(record), { name: "ConfigError", message: /must resolve to a Uint8Array/ });
      assert.equal(calls, 1, "it would give the same again");
    }
  });
});
