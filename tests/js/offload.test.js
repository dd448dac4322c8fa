/** Whom large images are given to be decrypted. The worker is a stub here, since a file of that name can hold anything. */

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { createOffload } from "../../js_client/src/offload.js";
import { seal } from "./support/server.js";

const SIZE = 1_000_000;

const { key, iv, tag, ciphertext } = seal(Buffer.alloc(SIZE, 7));
const sealed = new Blob([ciphertext, tag]);

let workers = [];

/** A worker that answers with `first` when it is started, and then never. */
function stubWorker(first) {
  workers = [];
  globalThis.Worker = class {
    posted = [];
    isEnded = false;

    constructor(url) {
      this.url = url;
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
    const offload = createOffload();
    for (let call = 0; call < 3; call += 1) assert.equal((await offload.decrypt(sealed, { key, iv })).size, SIZE);
    assert.deepEqual(workers.map(({ isEnded, posted }) => [isEnded, posted.length]), [[true, 0]]);
  });
}

test("a worker that is ready gets the next large image", async () => {
  stubWorker({ number: 0 });
  const offload = createOffload();
  await offload.decrypt(sealed, { key, iv });
  const answer = offload.decrypt(sealed, { key, iv });
  const [worker] = workers;
  assert.match(worker.url.pathname, /\/pixstore-worker\.js$/);
  assert.equal(worker.posted.length, 1);
  const image = new Blob(["decrypted"]);
  worker.onmessage({ data: { number: worker.posted[0].number, image } });
  assert.equal(await answer, image);
});
