/** What the worker answers to requests for images: to `<img>` and CSS the image, to all else below their path a refusal. */
import type { Client } from "../client.js";
export type ImageRequest = Pick<Request, "url" | "method" | "mode" | "destination" | "signal">;
/**
 * @param {Pick<Client, "getRecord" | "getImage" | "onRemoved">} client
 * @param {string} images  what the URLs of all images begin with
 * @returns {(request: ImageRequest) => Promise<Response> | undefined}  nothing where the request is for something else
 */
export declare function createAnswer(client: Pick<Client, "getRecord" | "getImage" | "onRemoved">, images: string): (request: ImageRequest) => Promise<Response> | undefined;
