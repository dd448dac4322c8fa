/** Failures and delays of a test client: of an image, and of its variants. */
import { DecryptError, FetchError } from "../errors.js";
export type Failure = keyof typeof FAILURES;
/** @typedef {keyof typeof FAILURES} Failure */
declare const FAILURES: {
    /** The image was deleted. */
    gone: () => import("../errors.js").NotFoundError | import("../errors.js").RefusedError | import("../errors.js").ServerError;
    /** The proof has expired or belongs to another audience; a fresh record fails, too. */
    expired: () => import("../errors.js").NotFoundError | import("../errors.js").RefusedError | import("../errors.js").ServerError;
    /** The user is not signed in. */
    "signed-out": () => FetchError | import("../errors.js").RefusedError;
    /** The user may not see this image. */
    forbidden: () => FetchError | import("../errors.js").RefusedError;
    /** The server failed. */
    server: () => import("../errors.js").NotFoundError | import("../errors.js").RefusedError | import("../errors.js").ServerError;
    /** The server is overloaded, or a proxy cannot reach it. */
    busy: () => FetchError | import("../errors.js").RefusedError;
    /** There is no network. */
    offline: () => FetchError;
    /** The bytes were changed on their way. */
    damaged: () => DecryptError;
};
/**
 * Make a new error of this kind, as the real client rejects with it.
 *
 * @param {Failure} failure
 */
export declare const failureOf: (failure: Failure) => DecryptError | FetchError | import("../errors.js").NotFoundError | import("../errors.js").RefusedError | import("../errors.js").ServerError;
export type Troubles = ReturnType<typeof createTroubles>;
/** @typedef {ReturnType<typeof createTroubles>} Troubles */
/** @param {number} delayMs  the default delay of every load */
export declare function createTroubles(delayMs: number): {
    /**
     * @param {string} id
     * @param {(() => unknown) | undefined} error  undefined: loads no longer fail
     * @param {number} times
     */
    fail(id: string, error: (() => unknown) | undefined, times: number): void;
    /**
     * @param {string} id
     * @param {number} ms
     */
    delay: (id: string, ms: number) => undefined;
    /** @param {string} id */
    hold(id: string): void;
    /** @param {string} id */
    release(id: string): void;
    /**
     * Wait for the delay and the gate of an image, and throw its failure.
     *
     * @param {string} id
     */
    meet(id: string): Promise<void>;
};
export {};
