/**
 * The key pair of this client, to which a server seals image keys (docs/wire-format.md, "Sealed key").
 *
 * The pair is in memory, and with `keyPair: "stored"` also in IndexedDB (stored/pair.js). Its private half cannot be
 * exported. An image key is unwrapped to a handle, so its bytes are never in JavaScript.
 */
import type { ImageRecord, ParsedRecord } from "../format/records.js";
export type Recipient = Omit<ReturnType<typeof createRecipient>, "find" | "opened"> & {
    find?: () => Promise<Pair>;
    isStored?: boolean;
    opened: (parsed: ParsedRecord, record: ImageRecord) => ParsedRecord;
};
export type Pair = Awaited<ReturnType<typeof generate>>;
export declare function createRecipient(): {
    /** A client with a stored pair replaces this. */
    find: typeof generate;
    /**
     * Return the headers of a request for records. The server seals the records of the response to this client.
     *
     * @returns {Promise<Record<string, string>>}  none if the browser makes no pair; records are then plain
     */
    headers(): Promise<Record<string, string>>;
    /**
     * Start to unwrap the key of a sealed record. Return a plain record as it is.
     *
     * @param {ParsedRecord} parsed
     * @returns {ParsedRecord}  `key` rejects with RecordError, reason "sealed", if the record is sealed to another page
     */
    opened(parsed: ParsedRecord): ParsedRecord;
    /** Discard the pair in memory. Unless it is stored, the records that are sealed to it no longer open. */
    forget(): void;
};
export declare function generate(): Promise<{
    privateKey: CryptoKey;
    own: Uint8Array<ArrayBuffer>;
}>;
