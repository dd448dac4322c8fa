/**
 * The real client, but that its images come from memory instead of a server: without network, WebCrypto, IndexedDB and
 * other tabs.
 */
import type { Client } from "../client.js";
import type { ParsedRecord } from "../format/records.js";
import type { RefreshRecord } from "../options/options.js";
/**
 * @param {object} parts
 * @param {(record: ParsedRecord) => Promise<{token: number, plaintext: Uint8Array<ArrayBuffer>}>} parts.answer  what the
 *   server has, or an error
 * @param {(id: string, load: Promise<unknown>) => Promise<void>} parts.onLoad  told of each load, until it is over
 * @param {RefreshRecord | undefined} parts.refreshRecord
 * @returns {Client}
 */
export declare function createMemoryClient({ answer, onLoad, refreshRecord }: {
    answer: (record: ParsedRecord) => Promise<{
        token: number;
        plaintext: Uint8Array<ArrayBuffer>;
    }>;
    onLoad: (id: string, load: Promise<unknown>) => Promise<void>;
    refreshRecord: RefreshRecord | undefined;
}): Client;
