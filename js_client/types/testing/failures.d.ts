/** How images fail: the errors that the real client rejects with. */
import { DecryptError, FetchError } from "../errors.js";
export type Failure = keyof typeof FAILURES;
/** @typedef {keyof typeof FAILURES} Failure */
declare const FAILURES: {
    /** The image was deleted. */
    gone: () => import("../errors.js").NotFoundError | import("../errors.js").RefusedError | import("../errors.js").ServerError;
    /** The proof has expired, or is of another audience; also where a fresh record is no better. */
    expired: () => import("../errors.js").NotFoundError | import("../errors.js").RefusedError | import("../errors.js").ServerError;
    /** The user is not signed in. */
    "signed-out": () => FetchError | import("../errors.js").RefusedError;
    /** The user may not see this image. */
    forbidden: () => FetchError | import("../errors.js").RefusedError;
    /** The server failed. */
    server: () => import("../errors.js").NotFoundError | import("../errors.js").RefusedError | import("../errors.js").ServerError;
    /** The server is overloaded, or away behind a proxy. */
    busy: () => FetchError | import("../errors.js").RefusedError;
    /** There is no network. */
    offline: () => FetchError;
    /** The bytes are other ones than the server sent. */
    damaged: () => DecryptError;
};
/**
 * A new error of this kind.
 *
 * @param {Failure} failure
 */
export declare const failureOf: (failure: Failure) => DecryptError | FetchError | import("../errors.js").NotFoundError | import("../errors.js").RefusedError | import("../errors.js").ServerError;
export {};
