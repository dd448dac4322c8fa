/** Fetches wire payloads, in batches or alone, and limits how many requests run at once. */
import type { Body } from "./body.js";
import type { Endpoint, ImageFetcher } from "./fetch.js";
import type { ImageRequest } from "./request.js";
/** @import { Body } from "./body.js" */
/** @import { Endpoint, ImageFetcher } from "./fetch.js" */
/** @import { ImageRequest } from "./request.js" */
/**
 * @param {Endpoint & {parallel: number}} options  `parallel`: the most requests at once
 * @param {ImageFetcher} [fetcher]  replaces requests to the endpoint
 * @returns {(request: ImageRequest) => Promise<Body>}  rejects with FetchError, RefusedError, WireError or ConfigError
 */
export declare function createTransport(options: Endpoint & {
    parallel: number;
}, fetcher?: ImageFetcher): (request: ImageRequest) => Promise<Body>;
