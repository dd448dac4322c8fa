/** Many images, each handed out as soon as it is ready. */
import type { Client } from "./client.js";
/** @import { Client, ImageResult } from "./client.js" */
/**
 * @param {Client["getImage"]} getImage
 * @returns {Client["getImages"]}
 */
export declare function createGetImages(getImage: Client["getImage"]): Client["getImages"];
