/** A client for the tests of pages: it has the images that a test gives it, and fails and waits as a test wants it. */
import type { Client } from "../client.js";
import type { ImageRecord } from "../format/records.js";
import type { Failure } from "./failures.js";
import type { Details } from "./images.js";
import type { Call, TestState } from "./witness.js";
export type TestConfig = {
    /**
     * how long a load takes; default 0
     */
    delayMs?: number | undefined;
    /**
     * how long a proof lives; default 40 000
     */
    proofMs?: number | undefined;
    /**
     * whether the client gets fresh records by itself, as one with `recordsUrl`
     * does; default true
     */
    refreshes?: boolean | undefined;
};
export type TestControls = {
    /**
     * Have an image, by default a
     * small PNG, and return a record. Throws RecordError for an id that can't be.
     */
    addImage: (id: string, bytes?: Uint8Array, details?: Details) => ImageRecord;
    /**
     * Have a new version of an image,
     * and return a record; what is not given stays as it was.
     */
    update: (id: string, bytes?: Uint8Array, details?: Details) => ImageRecord;
    /**
     * Have an image no more, as when it was deleted elsewhere.
     */
    remove: (id: string) => void;
    /**
     * A fresh record, as the application's API gives it.
     */
    record: (id: string) => ImageRecord;
    /**
     * End the proofs of the records that are out: of an image, or of all.
     */
    expire: (id?: string) => void;
    /**
     * Let the loads of an image fail, all of
     * them or so many; without an error they fail no more.
     */
    fail: (id: string, error?: Failure | Error, times?: number) => void;
    /**
     * Let the loads of an image take so long.
     */
    delay: (id: string, ms: number) => void;
    /**
     * Let the loads of an image wait for `release`.
     */
    hold: (id: string) => void;
    /**
     * Let them go on.
     */
    release: (id: string) => void;
    /**
     * What was called, in turn.
     */
    calls: readonly Call[];
    /**
     * How often a function was called, or called for an image.
     */
    count: (name: keyof Client, id?: string) => number;
    /**
     * What is out now: once all is taken off a page, nothing.
     */
    state: () => TestState;
};
export type TestClient = Readonly<Client & TestControls>;
/**
 * Make a client that has no images yet.
 *
 * @param {TestConfig} [config]
 * @returns {TestClient}
 * @throws {ConfigError} for an unknown option or an unusable value
 */
export declare function createTestClient(config?: TestConfig): TestClient;
