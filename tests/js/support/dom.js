/** A page around the tests: happy-dom's document, beside what Node.js has itself. */

import { Window } from "happy-dom";

const page = new Window({ url: "https://page.test/" });

/** What a page's elements and frameworks go by; all else that Node.js has, too, stays as it is. */
const OWN = ["Event", "CustomEvent", "navigator", "window", "document"];

for (const name of Object.getOwnPropertyNames(page)) {
  if (name in globalThis && !OWN.includes(name)) continue;
  Object.defineProperty(globalThis, name, { value: page[name], configurable: true, writable: true });
}
