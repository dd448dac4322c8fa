/** Code that only clients with `keyPair: "stored"` or `offline` load. The service worker, which can't `import()`, has it inside. */

import { addOffline } from "./offline.js";
import { createFind } from "./pair.js";

/** @import { Pair } from "../crypto/recipient.js" */
/** @import { Online, Parts as OfflineParts } from "./offline.js" */
/** @import { Parts } from "./pair.js" */

/**
 * Extend a client.
 *
 * @param {Parts & OfflineParts} parts
 * @param {Parameters<typeof createFind>[1] & Parameters<typeof addOffline>[1]} removal
 * @param {() => Promise<Pair>} generate
 * @param {Online} online
 * @returns {() => Promise<Pair>}  finds or makes the key pair
 */
export function extend(parts, removal, generate, online) {
  if (parts.options.offline) addOffline(parts, removal, online);
  return createFind(parts, removal, generate);
}
