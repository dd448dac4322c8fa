/** Code that only clients with `keyPair: "stored"` load. The service worker, which can't `import()`, has it inside. */

export { find } from "./pair.js";
