/** A client for the tests of pages. It has the images that a test adds, and fails and waits as the test demands. */
import type { Client } from "../client.js";
import type { ImageRecord } from "../format/records.js";
import type { Details } from "./images.js";
import type { RequestHeaders } from "./recipient.js";
import type { Failure } from "./troubles.js";
import type { Call, TestState } from "./witness.js";
export type TestConfig = {
    /**
     * delay of each load in milliseconds; default 0
     */
    delayMs?: number | undefined;
    /**
     * lifetime of a proof in milliseconds; default 40 000
     */
    proofMs?: number | undefined;
    /**
     * whether the client fetches fresh records by itself, as with
     * `recordsUrl`: sealed to it; default true
     */
    refreshes?: boolean | undefined;
};
export type TestControls = {
    /**
     * Add an image, by default a
     * small PNG, and return a record. Throws RecordError for an invalid id.
     */
    addImage: (id: string, bytes?: Uint8Array, details?: Details) => ImageRecord;
    /**
     * Add a new version of an image
     * and return a record. Omitted values stay as they are. Throws ConfigError for an unknown id.
     */
    update: (id: string, bytes?: Uint8Array, details?: Details) => ImageRecord;
    /**
     * Remove an image, as if another user had deleted it.
     */
    remove: (id: string) => void;
    /**
     * Return a fresh record, as the application's
     * API does. If the headers of the request for it are those of `recipientHeaders()`, the record is sealed to that
     * client. Throws ConfigError for an unknown id or an invalid header.
     */
    record: (id: string, headers?: RequestHeaders) => ImageRecord;
    /**
     * Expire the proofs of all records issued so far, of an image or of all
     * images.
     */
    expire: (id?: string) => void;
    /**
     * Make the loads of an image fail, all
     * of them or the next `times`. Without an error they no longer fail.
     */
    fail: (id: string, error?: Failure | Error, times?: number) => void;
    /**
     * Set the delay of the loads of an image in milliseconds.
     */
    delay: (id: string, ms: number) => void;
    /**
     * Make the loads of an image wait for `release`.
     */
    hold: (id: string) => void;
    /**
     * Let held loads continue.
     */
    release: (id: string) => void;
    /**
     * The calls so far, in order.
     */
    calls: readonly Call[];
    /**
     * Count the calls of a function, or those for one image.
     */
    count: (name: keyof Client, id?: string) => number;
    /**
     * Return the loads, URLs and listeners that are still in use; none once the page is
     * empty.
     */
    state: () => TestState;
};
export type TestClient = Readonly<Client & TestControls>;
/**
 * Make a test client without images.
 *
 * @param {TestConfig} [config]
 * @returns {TestClient}
 * @throws {ConfigError} for an unknown option or an unusable value
 */
export declare function createTestClient(config?: TestConfig): TestClient;
