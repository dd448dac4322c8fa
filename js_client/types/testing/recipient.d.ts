/** The key pair of a test client. It needs no WebCrypto: a sealed key names its page and its record in clear. */
import type { ParsedRecord } from "../format/records.js";
export type RequestHeaders = Headers | Record<string, string>;
/**
 * Return the recipient in the headers of a request for records, or undefined if they have none.
 *
 * @param {RequestHeaders} headers
 * @returns {string | undefined}
 */
export declare function recipientIn(headers: RequestHeaders): string | undefined;
/**
 * Return the sealed key of a record, base64 of 125 bytes. Like a server's, it opens only in one page, with one token and
 * one proof.
 *
 * @param {string} recipient
 * @param {{token: number, proof: string}} record
 */
export declare function sealedKey(recipient: string, { token, proof }: {
    token: number;
    proof: string;
}): string;
/** Make the recipient of a test client, with the functions of the real one. */
export declare function createTestRecipient(): {
    /** @returns {Promise<Record<string, string>>} */
    headers: () => Promise<Record<string, string>>;
    /**
     * @param {ParsedRecord} parsed
     * @returns {ParsedRecord}
     */
    opened(parsed: ParsedRecord): ParsedRecord;
    forget(): void;
};
