/** The real client with images from memory instead of a server: no network, WebCrypto, IndexedDB or other tabs. */
import type { Client } from "../client.js";
import type { ParsedRecord } from "../format/records.js";
import type { RefreshRecord } from "../options/options.js";
/**
 * @param {object} parts
 * @param {(record: ParsedRecord) => Promise<{token: number, plaintext: Uint8Array<ArrayBuffer>}>} parts.answer  the
 *   server's answer to a record; rejects as the server refuses
 * @param {(id: string, load: Promise<unknown>) => Promise<void>} parts.onLoad  called with each load
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
