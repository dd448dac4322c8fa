/** Variants of an image: images of their own under `ID~NAME`, that go from the cache together with it. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { createClient as createClientOf } from "../../js_client/src/index.js";
import { gate, setGlobal, textOf, until } from "./support/page.js";
import { successPayload } from "./support/server.js";
import {
  createClient,
  ID,
  isStored,
  memoryImages,
  server,
} from "./support/site.js";

const THUMB = `${ID}~thumb`;

/** Ids that begin like the image's, or end like its variant's, and are of neither. */
const OTHERS = [
  `${ID}d`,
  `${ID}-d`,
  `${ID}_~thumb`,
  "abc",
  "abc~thumb",
  "players:ab~thumb",
  "players",
];

/** Save images that say their ids and return their records, in the order of the ids. */
const saved = (...ids) => ids.map((id) => server.save(id, id));

/** Save an image with its variants, and return its record, which has theirs. */
function savedWithVariants(...names) {
  const variants = names.map((name) => ({
    ...saved(`${ID}~${name}`)[0],
    width: 48,
    height: 32,
  }));
  return {
    ...saved(ID)[0],
    ...{ width: 480, height: 320, placeholder: "1QcSHQRnh493V4dIh4eXh1h4kJUI" },
    variants: Object.fromEntries(
      names.map((name, index) => [name, variants[index]]),
    ),
  };
}

const keptOf = async (client, ids) => {
  const found = await Promise.all(
    ids.map((id) => client.cachedImageExists(id)),
  );
  return ids.filter((_, index) => found[index]);
};

test("a variant's record in the image's gives the variant, from the network once and then from the cache", async () => {
  const record = savedWithVariants("thumb", "small_2-x");
  const client = createClient();
  const variants = Object.values(record.variants);
  for (const own of [record, ...variants])
    assert.equal(await textOf(await client.getImage(own)), own.id);
  await isStored(client, 3);
  const later = createClient();
  for (const own of [record, ...variants])
    assert.equal(await textOf(await later.getImage(own)), own.id);
  assert.deepEqual(
    server.requests.map(({ record: { id } }) => id),
    [ID, THUMB, `${ID}~small_2-x`],
  );
});

test("image and variants share a batch, and a single request's path has the id with its ~ as it is", async (t) => {
  const record = savedWithVariants("thumb");
  const requests = [];
  setGlobal(t, "fetch", async (url, { body }) => {
    requests.push([url, body && JSON.parse(body).images.map(({ id }) => id)]);
    if (body) return new Response(null, { status: 404 });
    return new Response(
      successPayload(server.version(decodeURIComponent(url).split("/").at(-1))),
    );
  });
  const client = createClientOf({ cache: "off", endpoint: "/images" });
  const images = await Promise.all(
    [record, record.variants.thumb].map((own) => client.getImage(own)),
  );
  assert.deepEqual(await Promise.all(images.map(textOf)), [ID, THUMB]);
  assert.deepEqual(requests, [
    ["/images/-/batch", [ID, THUMB]],
    [`/images/${ID}`, undefined],
    [`/images/${THUMB}`, undefined],
  ]);
});

test("a fresh record of a variant is asked for by its image's id, and comes within the image's record", async () => {
  const record = savedWithVariants("thumb");
  const asked = [];
  const refreshRecord = (id) => {
    asked.push(id);
    return record;
  };
  const client = createClient({ refreshRecord });
  assert.equal(
    await textOf(
      await client.getImage({ ...record.variants.thumb, proofExpiresAt: 1 }),
    ),
    THUMB,
  );
  assert.deepEqual(asked, [ID]);
});

const WITHOUT = {
  "no image": () => null,
  "no variants": () => saved(ID)[0],
  "other variants": () => savedWithVariants("card"),
};

for (const [left, fresh] of Object.entries(WITHOUT)) {
  test(`a variant is gone of which a fresh record has ${left}`, async () => {
    const { variants } = savedWithVariants("thumb");
    const client = createClient({ refreshRecord: fresh });
    await assert.rejects(
      client.getImage({ ...variants.thumb, proofExpiresAt: 1 }),
      { name: "NotFoundError" },
    );
  });
}

for (const cache of ["encrypted", "memory"]) {
  test(`deleteCachedImage removes an image's variants too, and no other image (cache: "${cache}")`, async () => {
    const client = createClient({ cache });
    const records = saved(
      ID,
      THUMB,
      `${ID}~0`,
      `${ID}~zz`,
      `${ID}~_`,
      ...OTHERS,
    );
    for (const record of records) await client.getImage(record);
    if (cache === "encrypted") await isStored(client, records.length);
    assert.equal(await client.deleteCachedImage(ID), true);
    assert.deepEqual(
      await keptOf(
        client,
        records.map(({ id }) => id),
      ),
      OTHERS,
    );
    assert.equal(await memoryImages(client), OTHERS.length);
    assert.equal(await client.deleteCachedImage(ID), false);
  });

  test(`deleteCachedImage of a variant leaves the image and its other variants (cache: "${cache}")`, async () => {
    const client = createClient({ cache });
    const records = saved(ID, THUMB, `${THUMB}2`);
    for (const record of records) await client.getImage(record);
    if (cache === "encrypted") await isStored(client, records.length);
    assert.equal(await client.deleteCachedImage(THUMB), true);
    assert.deepEqual(
      await keptOf(
        client,
        records.map(({ id }) => id),
      ),
      [ID, `${THUMB}2`],
    );
  });

  test(`deleteCachedImage tells of a variant, also where the image itself is not kept (cache: "${cache}")`, async () => {
    const client = createClient({ cache });
    await client.getImage(saved(THUMB)[0]);
    if (cache === "encrypted") await isStored(client);
    assert.equal(await client.deleteCachedImage(ID), true);
    assert.equal(await client.deleteCachedImage(ID), false);
  });
}

test("a variant that loads while its image is deleted is shown, and not kept, here and in another tab", async () => {
  const { open, passed } = gate();
  const held = async (record, context) => {
    await passed;
    return server.fetcher(record, context);
  };
  const [mine, other] = [createClient({}, held), createClient()];
  const [last, ...records] = saved("last", THUMB, "other");
  await other.getImage(last);
  const images = records.map((record) => mine.getImage(record));
  await createClient().deleteCachedImage(ID);
  // All that a tab says comes in turn.
  await createClient().deleteCachedImage("last");
  await until(async () => (await memoryImages(other)) === 0);
  open();
  assert.deepEqual(await Promise.all((await Promise.all(images)).map(textOf)), [
    THUMB,
    "other",
  ]);
  await isStored(mine);
  assert.deepEqual(await keptOf(mine, [THUMB, "other"]), ["other"]);
  assert.equal(await memoryImages(mine), 1);
});

test("another tab's delete of an image takes its variants out of memory here", async () => {
  const client = createClient();
  for (const record of saved(ID, THUMB, "other")) await client.getImage(record);
  assert.equal(await memoryImages(client), 3);
  await createClient().deleteCachedImage(ID);
  await until(async () => (await memoryImages(client)) === 1);
});
