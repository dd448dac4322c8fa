/** Code that only clients with `keyPair: "stored"` load. The service worker, which can't `import()`, has it inside. */

import { addOffline } from "./offline.js";
import { findPair } from "./pair.js";

/** @import { Pair } from "../crypto/recipient.js" */
/** @import { Online, Parts as OfflineParts } from "./offline.js" */
/** @import { Parts } from "./pair.js" */

/**
 * Extend a client, then find or make its key pair.
 *
 * @param {Parts & OfflineParts} parts
 * @param {Parameters<typeof findPair>[1] & Parameters<typeof addOffline>[1]} removal
 * @param {() => Promise<Pair>} generate
 * @param {Online} online
 */
export function find(parts, removal, generate, online) {
  if (parts.options.offline) addOffline(parts, removal, online);
  return findPair(parts, removal, generate);
}
