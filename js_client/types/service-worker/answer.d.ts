/**
 * The worker's settings, and its responses: the image for requests of `<img>` and CSS, a refusal for any other request
 * below their path.
 */
import type { Client } from "../client.js";
import type { PixstoreConfig } from "../options/options.js";
export type FetchRequest = Pick<Request, "url" | "method" | "mode" | "destination" | "signal">;
/**
 * Read the worker's settings. They are in its URL, because browsers stop and restart a worker at any time.
 *
 * @param {string} href  URL of the worker
 * @returns {PixstoreConfig & {endpoint: string, recordsUrl: string}}
 * @throws {ConfigError} if `recordsUrl` is on another origin, because a foreign URL would choose the pictures
 */
export declare function settingsIn(href: string): PixstoreConfig & {
    endpoint: string;
    recordsUrl: string;
};
/**
 * @param {Pick<Client, "getRecord" | "getImage" | "onRemoved">} client
 * @param {string} images  the URL prefix of all images
 * @returns {(request: FetchRequest) => Promise<Response> | undefined}  undefined if the request is not for an image
 */
export declare function createAnswer(client: Pick<Client, "getRecord" | "getImage" | "onRemoved">, images: string): (request: FetchRequest) => Promise<Response> | undefined;
