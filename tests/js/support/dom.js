/** A page around the tests: happy-dom's document beside the features of Node.js. */

import { Window } from "happy-dom";

const page = new Window({ url: "https://page.test/" });

/** The globals that elements and frameworks need; all other globals of Node.js stay. */
const OWN = ["Event", "CustomEvent", "navigator", "window", "document"];

for (const name of Object.getOwnPropertyNames(page)) {
  if (name in globalThis && !OWN.includes(name)) continue;
  Object.defineProperty(globalThis, name, { value: page[name], configurable: true, writable: true });
}

/** Do something as on a server, where there is no page. */
export async function withoutPage(run) {
  const { document, window } = globalThis;
  delete globalThis.document;
  delete globalThis.window;
  try {
    return await run();
  } finally {
    Object.defineProperty(globalThis, "document", { value: document, configurable: true, writable: true });
    Object.defineProperty(globalThis, "window", { value: window, configurable: true, writable: true });
  }
}
