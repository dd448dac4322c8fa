/** One batch: many images in one POST, which needs no preflight from another origin. */
import type { Priority } from "../options/options.js";
import type { Endpoint } from "./fetch.js";
import type { ImageRequest } from "./request.js";
/**
 * Send a batch of distinct ids and answer each request as its frame arrives: index u8 ‖ HTTP status u16 ‖ length u32 ‖
 * body, little-endian.
 *
 * @param {Endpoint} options
 * @param {Set<ImageRequest>} unanswered  each answered request is deleted from this set
 * @param {Priority} priority
 * @param {ReturnType<typeof abortIfUnwanted>} unwanted
 * @throws {FetchError | RefusedError} if the remaining requests got no answer
 */
export declare function postBatch(options: Endpoint, unanswered: Set<ImageRequest>, priority: Priority, { signal, check }: ReturnType<typeof abortIfUnwanted>): Promise<void>;
/**
 * Make a signal that is aborted once every unanswered request was aborted: when the last of them is, or by `check`.
 *
 * @param {Set<ImageRequest>} unanswered
 */
export declare function abortIfUnwanted(unanswered: Set<ImageRequest>): {
    signal: AbortSignal;
    check: () => void;
};
