/** Many images in one POST, which needs no preflight from another origin. */
import type { Priority } from "./queue.js";
import type { Call } from "./transport.js";
/**
 * Ask for images of distinct ids and answer each call as its frame arrives: index u8 ‖ HTTP status u16 ‖ length u32 ‖
 * body, little-endian.
 *
 * @param {string} endpoint
 * @param {Set<Call>} unanswered  the calls; it loses each that is answered, or whose caller has left
 * @param {Priority} priority
 * @throws {FetchError | RefusedError} where the rest of them got no answer
 */
export declare function postBatch(endpoint: string, unanswered: Set<Call>, priority: Priority): Promise<void>;
