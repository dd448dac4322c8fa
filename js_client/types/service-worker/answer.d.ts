/**
 * The worker's responses: the image for requests of `<img>` and CSS, a refusal for any other request below their path.
 */
import type { Client } from "../client.js";
export type FetchRequest = Pick<Request, "url" | "method" | "mode" | "destination" | "signal">;
/**
 * @param {Pick<Client, "getRecord" | "getImage" | "onRemoved">} client
 * @param {string} images  the URL prefix of all images
 * @returns {(request: FetchRequest) => Promise<Response> | undefined}  undefined if the request is not for an image
 */
export declare function createAnswer(client: Pick<Client, "getRecord" | "getImage" | "onRemoved">, images: string): (request: FetchRequest) => Promise<Response> | undefined;
