/** Importing the client on a server, where a page is rendered: nothing happens, and nothing of a browser is needed. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";

const CLIENT = new URL("../../js_client/src/index.js", import.meta.url).href;
const NAMES = [
  "Blob", "BroadcastChannel", "Worker", "caches", "crypto", "document", "fetch", "indexedDB", "localStorage", "location",
  "navigator", "process", "queueMicrotask", "self", "setInterval", "setTimeout", "window",
];

test("importing touches nothing that a browser has, adds no global, and leaves nothing running", () => {
  const script = `
    const { getActiveResourcesInfo, stdout } = process;
    const running = () => getActiveResourcesInfo().filter((name) => /Timeout|Immediate|Port|Worker|Socket/.test(name));
    const touched = [];
    for (const name of ${JSON.stringify(NAMES)}) {
      Object.defineProperty(globalThis, name, { get: () => void touched.push(name), set: () => touched.push(name) });
    }
    const globals = Reflect.ownKeys(globalThis).length;
    await import(${JSON.stringify(CLIENT)});
    const added = Reflect.ownKeys(globalThis).length - globals;
    stdout.write(JSON.stringify({ touched, added, running: running() }));
  `;
  // The limit is for a process that something keeps from its end.
  const output = execFileSync(process.execPath, ["--input-type=module", "--eval", script], { timeout: 20_000 });
  assert.deepEqual(JSON.parse(output), { touched: [], added: 0, running: [] });
});
