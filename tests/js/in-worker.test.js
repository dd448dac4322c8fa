/** Decryption of large images in a worker, or in the page. The worker is a stub, because a file of that name can be anything. */

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { createInWorker } from "../../js_client/src/crypto/in-worker.js";
import { seal } from "./support/server.js";

const SIZE = 1_000_000;

const { key, iv, tag, ciphertext } = seal(Buffer.alloc(SIZE, 7));
const sealed = new Blob([ciphertext, tag]);

/** Wait until images are with the worker: their keys are awaited first. */
const posted = () => new Promise(setImmediate);

const startWorker = () => new Worker("worker.js");

let workers = [];

/** A worker that answers with `first` when it is started, and then never. */
function stubWorker(first) {
  workers = [];
  globalThis.Worker = class {
    posted = [];
    isEnded = false;

    constructor() {
      workers.push(this);
      queueMicrotask(() => this.onmessage({ data: first }));
    }

    postMessage(message) {
      this.posted.push(message);
    }

    terminate() {
      this.isEnded = true;
    }
  };
}

afterEach(() => delete globalThis.Worker);

for (const first of [{}, "ready", undefined, { number: "0" }]) {
  test(`another script of the worker's name, which says ${JSON.stringify(first)}, gets no key and delays nothing`, async () => {
    stubWorker(first);
    const inWorker = createInWorker(startWorker);
    for (let call = 0; call < 3; call += 1) assert.equal((await inWorker.decrypt(sealed, { key, iv })).size, SIZE);
    assert.deepEqual(workers.map(({ isEnded, posted }) => [isEnded, posted.length]), [[true, 0]]);
  });
}

test("a worker that is ready gets the next large image", async () => {
  stubWorker({ number: 0 });
  const inWorker = createInWorker(startWorker);
  await inWorker.decrypt(sealed, { key, iv });
  const answer = inWorker.decrypt(sealed, { key, iv });
  const [worker] = workers;
  await posted();
  assert.equal(worker.posted.length, 1);
  const image = new Blob(["decrypted"]);
  worker.onmessage({ data: { number: worker.posted[0].number, image } });
  assert.equal(await answer, image);
});

/** A worker that is ready, and the function that decrypts with it. Time stands still. */
async function startReady(t) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  stubWorker({ number: 0 });
  const inWorker = createInWorker(startWorker);
  const decrypt = () => inWorker.decrypt(sealed, { key, iv });
  await decrypt();
  const [worker] = workers;
  const answer = ({ number }, image) => worker.onmessage({ data: { number, image } });
  return { decrypt, worker, answer };
}

test("a worker that falls silent delays images for ten seconds, once, and then the page decrypts all by itself", async (t) => {
  const { decrypt, worker, answer } = await startReady(t);
  let settled = 0;
  const begin = () => decrypt().finally(() => (settled += 1));
  const images = [begin()];
  await posted();
  t.mock.timers.tick(5000);
  images.push(begin());
  await posted();
  t.mock.timers.tick(4999);
  await new Promise(setImmediate);
  assert.deepEqual([settled, worker.isEnded], [0, false]);
  t.mock.timers.tick(1);
  for (const image of images) assert.equal((await image).size, SIZE);
  assert.equal(worker.isEnded, true);
  answer(worker.posted[0], new Blob(["too late"]));
  assert.equal((await decrypt()).size, SIZE);
  assert.deepEqual([workers.length, worker.posted.length], [1, 2]);
});

test("a worker that answers stays in use for as long as the page lives", async (t) => {
  const { decrypt, worker, answer } = await startReady(t);
  for (const text of ["first", "second"]) {
    const image = decrypt();
    await posted();
    answer(worker.posted.at(-1), new Blob([text]));
    assert.equal(await (await image).text(), text);
    t.mock.timers.tick(10_000);
  }
  assert.deepEqual([workers.length, worker.posted.length, worker.isEnded], [1, 2, false]);
});

test("an image that the worker can't decrypt is left to the page, and the worker stays in use", async (t) => {
  const { decrypt, worker, answer } = await startReady(t);
  for (let count = 1; count < 3; count += 1) {
    const image = decrypt();
    await posted();
    assert.equal(worker.posted.length, count);
    answer(worker.posted.at(-1), undefined);
    assert.equal((await image).size, SIZE);
  }
  assert.equal(worker.isEnded, false);
});

test("a worker gets the handle of a sealed record's key, and an error of the key is the caller's", async () => {
  stubWorker({ number: 0 });
  const inWorker = createInWorker(startWorker);
  await inWorker.decrypt(sealed, { key, iv });
  const handle = await crypto.subtle.importKey("raw", key, "AES-GCM", false, ["decrypt"]);
  const image = inWorker.decrypt(sealed, { key: Promise.resolve(handle), iv });
  await posted();
  const [worker] = workers;
  assert.equal(worker.posted[0].key, handle);
  worker.onmessage({ data: { number: worker.posted[0].number } });
  assert.equal((await image).size, SIZE);
  const wrong = new Error("sealed to another page");
  await assert.rejects(inWorker.decrypt(sealed, { key: Promise.reject(wrong), iv }), wrong);
  assert.equal(worker.posted.length, 1);
});

test("a worker that can't be sent the handle of a key is given up, and the page decrypts", async (t) => {
  const { decrypt, worker } = await startReady(t);
  worker.postMessage = () => {
    throw new DOMException("no handles", "DataCloneError");
  };
  for (let call = 0; call < 2; call += 1) assert.equal((await decrypt()).size, SIZE);
  assert.equal(worker.isEnded, true);
});

test("a page that may start no worker tries to once, and decrypts all by itself", async () => {
  let tries = 0;
  globalThis.Worker = function Worker() {
    tries += 1;
    throw new DOMException("another origin", "SecurityError");
  };
  const inWorker = createInWorker(startWorker);
  for (let call = 0; call < 3; call += 1) assert.equal((await inWorker.decrypt(sealed, { key, iv })).size, SIZE);
  assert.equal(tries, 1);
});

test("the worker says that it is ready, answers with the image, and with none where the tag fails", async (t) => {
  const answers = [];
  globalThis.onmessage = null;
  globalThis.postMessage = (message) => answers.push(message);
  t.after(() => ["onmessage", "postMessage"].forEach((name) => delete globalThis[name]));
  await import("../../js_client/src/pixstore-worker.js");
  await globalThis.onmessage({ data: { number: 1, sealed, key, iv } });
  await globalThis.onmessage({ data: { number: 2, sealed: sealed.slice(1), key, iv } });
  const handle = await crypto.subtle.importKey("raw", key, "AES-GCM", false, ["decrypt"]);
  await globalThis.onmessage({ data: { number: 3, sealed, key: handle, iv } });
  const [ready, good, damaged, byHandle] = answers;
  assert.equal(byHandle.image.size, SIZE);
  assert.deepEqual([ready, damaged], [{ number: 0 }, { number: 2, image: undefined }]);
  assert.deepEqual([good.number, good.image.type], [1, "image/png"]);
  assert.deepEqual(Buffer.from(await good.image.arrayBuffer()), Buffer.alloc(SIZE, 7));
});
