/** Reads images in Node through one of the clients: JSON of `readAll` from standard input to standard output. */

import "fake-indexeddb/auto";
import { json } from "node:stream/consumers";

globalThis.window = globalThis; // npm's pixstore asks for window.crypto

const { readAll } = await import("./clients.js");
console.log(JSON.stringify(await readAll(await json(process.stdin))));
