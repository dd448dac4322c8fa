/** The fetcher of docs/recipes/websocket.md; tests/browser/test_recipes.py has it before a real server. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { setGlobal, settle } from "./support/page.js";

const PAGE = readFileSync(new URL("../../docs/recipes/websocket.md", import.meta.url), "utf8");
const CLIENT = new URL("../../js_client/src/index.js", import.meta.url).href;
const [, CODE] = /```js\n\/\/ socket-fetcher\.js\n(.*?)```/s.exec(PAGE);
const { createSocketFetcher } = await import(
  `data:text/javascript,${encodeURIComponent(CODE.replace("/pixstore-image/-/client/index.js", CLIENT))}`
);

test("the socket fetcher closes the connection of an unwanted image and opens another one", async (t) => {
  const sockets = [];
  class Socket {
    static OPEN = 1;
    readyState = 1;
    sent = [];

    constructor() {
      sockets.push(this);
    }

    send(text) {
      this.sent.push(JSON.parse(text).id);
    }

    close() {
      this.readyState = 2;
    }
  }
  setGlobal(t, "WebSocket", Socket);
  const fetcher = createSocketFetcher("ws://127.0.0.1/pictures");
  const ask = (id, { signal }) => fetcher({ id, token: 1, statelessProof: "proof" }, undefined, { signal });
  const [leaving, staying] = [new AbortController(), new AbortController()];
  const left = [ask("one", leaving), ask("two", leaving)];
  const stays = ask("three", staying);
  await settle();
  leaving.abort();
  for (const image of left) await assert.rejects(image, { name: "AbortError" });
  await settle();
  assert.deepEqual(sockets.map(({ sent, readyState }) => [sent, readyState]), [[["one"], 2], [["three"], 1]]);
  sockets[1].onmessage({ data: "1" });
  sockets[1].onmessage({ data: Uint8Array.of(2).buffer });
  assert.deepEqual(await stays, Uint8Array.of(2));
  staying.abort();
  leaving.abort();
  assert.equal(sockets[1].readyState, 1, "it is kept for the next image");
});
