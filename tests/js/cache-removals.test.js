/** The image cache keeps nothing that was removed, in any namespace, tab or download. */

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { done, dump, emptyStorage, transactions } from "./support/storage.js";
import { NAME, ID, cacheOf, image, write, idsIn } from "./support/cache.js";

beforeEach(emptyStorage);

test("namespaces do not see each other, and clear empties one alone", async () => {
  const [mine, other] = [cacheOf(), cacheOf({ namespace: "other" })];
  for (const cache of [mine, other]) await write(cache, ID);
  assert.equal(await cacheOf({ namespace: "third" }).has(ID), false);
  await mine.clear();
  assert.equal(await mine.has(ID), false);
  assert.deepEqual(await other.read(ID, 1), image);
  assert.deepEqual([await mine.stats(), await other.stats()], [{ images: 0, bytes: 0 }, { images: 1, bytes: 5 }]);
  assert.equal(await other.remove(ID), true);
});

test("a delete wins over a write if the download began before it, also in another tab", async () => {
  const [mine, other] = [cacheOf(), cacheOf()];
  for (const forget of [() => other.remove(ID), () => mine.remove(ID), () => other.clear(), () => mine.clear()]) {
    const since = await mine.latestRemoval();
    await forget();
    await write(mine, ID, { since });
    assert.equal(await mine.has(ID), false);
    await write(mine, ID);
    assert.equal(await mine.has(ID), true);
  }
});

test("a delete of one image, or in one namespace, refuses no other", async () => {
  const cache = cacheOf();
  const since = await cache.latestRemoval();
  await cache.remove("other");
  await cache.remove(`${ID}~thumb`);
  await cacheOf({ namespace: "other" }).clear();
  const late = [ID, `${ID}~thumb2`, "others~thumb"].map((id) => write(cache, id, { since }));
  await Promise.all([...late, write(cache, "other")]);
  assert.deepEqual(await idsIn(), [ID, `${ID}~thumb2`, "other", "others~thumb"].sort());
});

test("a delete of an image refuses variants if their downloads began before it, and removes the stored ones", async () => {
  const cache = cacheOf();
  const since = await cache.latestRemoval();
  for (const id of [ID, `${ID}~thumb`, `${ID}-`, `${ID}-~thumb`]) await write(cache, id);
  assert.equal(await cache.remove(ID), true);
  await Promise.all([ID, `${ID}~thumb`, `${ID}~0`].map((id) => write(cache, id, { since })));
  for (const store of ["entries", "bytes"]) assert.deepEqual(await idsIn(store), [`${ID}-`, `${ID}-~thumb`]);
  await write(cache, `${ID}~thumb`);
  assert.equal(await cache.has(`${ID}~thumb`), true);
});

test("clocks have no say in which of a removal and a download comes first", async (t) => {
  const [mine, other] = [cacheOf(), cacheOf()];
  let ahead = 0;
  t.mock.method(Date, "now", () => 4e12 + ahead);
  for (const step of [60_000, -60_000]) {
    for (const remove of [() => other.clear(), () => other.remove(ID)]) {
      const since = await mine.latestRemoval();
      ahead += step;
      await remove();
      await write(mine, ID, { since });
      assert.equal(await mine.has(ID), false);
      mine.forget();
    }
  }
});

test("a download that began before its database was deleted is not kept in the new one", async () => {
  const cache = cacheOf();
  const since = await cache.latestRemoval();
  await done(indexedDB.deleteDatabase(NAME));
  assert.equal(await cache.has(ID), false);
  assert.notEqual(await cache.latestRemoval(), since);
  await write(cache, ID, { since });
  assert.equal(await cache.has(ID), false);
  await write(cache, ID);
  assert.equal(await cache.has(ID), true);
});

test("a hundred removals are known, a download during more is not kept, and after a clear no removed id is left", async () => {
  const cache = cacheOf();
  const since = await cache.latestRemoval();
  for (let index = 0; index < 99; index += 1) await cache.remove(`image-${index}`);
  await write(cache, ID, { since });
  assert.equal(await cache.has(ID), true);
  await cache.remove("image-99");
  await write(cache, "b", { since });
  assert.equal(await cache.has("b"), false);
  assert.equal((await dump(NAME)).deleted[0][1].length, 100);
  await cacheOf({ namespace: "other" }).remove("theirs");
  await cache.clear();
  const text = JSON.stringify((await dump(NAME)).deleted);
  assert.deepEqual([text.includes("image-"), text.includes("theirs")], [false, true]);
});

test("the latest removal is read once, and again only after another tab has changed the storage", async (t) => {
  const cache = cacheOf();
  await write(cache, ID);
  await cache.latestRemoval();
  const begun = transactions(t);
  for (let index = 0; index < 3; index += 1) await cache.latestRemoval();
  for (let index = 0; index < 3; index += 1) await cache.read(ID, 1);
  assert.deepEqual(begun.map(({ stores }) => stores), [["bytes"], ["bytes"], ["bytes"]]);
  cache.forget();
  await cache.latestRemoval();
  assert.equal(begun.length, 4);
});

test("drop removes a version only while it is the cached one, and remove tells whether there was one", async () => {
  const cache = cacheOf();
  await write(cache, ID, { token: 2 });
  await cache.drop(ID, 1);
  assert.equal(await cache.has(ID), true);
  await cache.drop(ID, 2);
  assert.equal(await cache.has(ID), false);
  await write(cache, ID, { token: 2 });
  assert.deepEqual([await cache.remove(ID), await cache.remove(ID)], [true, false]);
  assert.deepEqual((await dump(NAME)).bytes, []);
});
