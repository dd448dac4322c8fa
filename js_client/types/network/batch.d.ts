/** Many images in one POST, which needs no preflight from another origin. */
import type { Priority } from "../options/options.js";
import type { Endpoint } from "./request.js";
import type { Call } from "./transport.js";
/**
 * Ask for images of distinct ids and answer each call as its frame arrives: index u8 ‖ HTTP status u16 ‖ length u32 ‖
 * body, little-endian.
 *
 * @param {Endpoint} options
 * @param {Set<Call>} unanswered  the calls; it loses each that is answered
 * @param {Priority} priority
 * @param {ReturnType<typeof watch>} wanted
 * @throws {FetchError | RefusedError} where the rest of them got no answer
 */
export declare function postBatch(options: Endpoint, unanswered: Set<Call>, priority: Priority, { signal, endIfUnwanted }: ReturnType<typeof watch>): Promise<void>;
/**
 * A signal that is aborted once nobody waits for an answer any more: when a caller leaves, or `endIfUnwanted` is called.
 *
 * @param {Set<Call>} unanswered
 */
export declare function watch(unanswered: Set<Call>): {
    signal: AbortSignal;
    endIfUnwanted: () => void;
};
