/** The real client with images from memory instead of a server: no network, WebCrypto, IndexedDB or other tabs. */

import { unlessAborted } from "../abort.js";
import { joined } from "../client.js";
import { resolveOptions } from "../options/options.js";

/** @import { Client } from "../client.js" */
/** @import { ParsedRecord } from "../format/records.js" */
/** @import { Tabs } from "../images/tabs.js" */
/** @import { ImageRequest } from "../network/request.js" */
/** @import { RefreshRecord } from "../options/options.js" */

/** @type {Tabs} */
const NO_OTHER_TABS = {
  join() {},
  leave() {},
  isAlone: () => true,
  tell() {},
  claim: async () => () => {},
};

/**
 * @param {object} parts
 * @param {(record: ParsedRecord) => Promise<{token: number, plaintext: Uint8Array<ArrayBuffer>}>} parts.answer  the
 *   server's answer to a record; rejects as the server refuses
 * @param {(id: string, load: Promise<unknown>) => Promise<void>} parts.onLoad  called with each load
 * @param {RefreshRecord | undefined} parts.refreshRecord
 * @returns {Client}
 */
export function createMemoryClient({ answer, onLoad, refreshRecord }) {
  /** @param {ImageRequest} request */
  async function download({ parsed, onProgress, signal }) {
    const answered = unlessAborted(signal, () => answer(parsed));
    onLoad(parsed.id, answered);
    const { token, plaintext } = await answered;
    onProgress({ loaded: plaintext.length, total: plaintext.length });
    return { token, plaintext, sealed: plaintext };
  }

  const options = resolveOptions({ cache: "memory" });
  return joined(options, refreshRecord, download, () => NO_OTHER_TABS);
}
