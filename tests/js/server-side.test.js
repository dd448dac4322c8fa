/** Importing the client on a server, where a page is rendered: nothing happens, and nothing of a browser is needed. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";

import { SOURCES } from "./support/sources.js";

const ENTRIES = ["index.js", "element/index.js", "view/index.js", "image-worker/index.js"];
const NAMES = [
  "Blob", "BroadcastChannel", "Worker", "caches", "crypto", "document", "fetch", "indexedDB", "localStorage", "location",
  "navigator", "process", "queueMicrotask", "self", "setInterval", "setTimeout", "window",
];

for (const entry of ENTRIES) test(`importing ${entry} touches nothing that a browser has, adds no global, and leaves nothing running`, () => {
  const script = `
    const { getActiveResourcesInfo, stdout } = process;
    const running = () => getActiveResourcesInfo().filter((name) => /Timeout|Immediate|Port|Worker|Socket/.test(name));
    const touched = [];
    for (const name of ${JSON.stringify(NAMES)}) {
      Object.defineProperty(globalThis, name, { get: () => void touched.push(name), set: () => touched.push(name) });
    }
    const globals = Reflect.ownKeys(globalThis).length;
    await import(${JSON.stringify(new URL(entry, SOURCES).href)});
    const added = Reflect.ownKeys(globalThis).length - globals;
    stdout.write(JSON.stringify({ touched, added, running: running() }));
  `;
  // The limit is for a process that something keeps from its end.
  const output = execFileSync(process.execPath, ["--input-type=module", "--eval", script], { timeout: 20_000 });
  assert.deepEqual(JSON.parse(output), { touched: [], added: 0, running: [] });
});
