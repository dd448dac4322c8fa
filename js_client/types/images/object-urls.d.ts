/** Object URLs of images. All places that show one image share one URL, which the last of them revokes. */
import type { ImageRecord } from "../format/records.js";
import type { ImageOptions } from "../options/options.js";
import type { Memory } from "./memory.js";
export type ObjectUrl = {
    url: string;
    release: () => void;
};
/** @import { ImageRecord } from "../format/records.js" */
/** @import { ImageOptions } from "../options/options.js" */
/** @import { Memory } from "./memory.js" */
/**
 * The URL of an image. Its holder calls `release` once, when it no longer shows the image.
 *
 * @typedef {{url: string, release: () => void}} ObjectUrl
 */
/**
 * @param {object} parts
 * @param {(record: ImageRecord, options?: ImageOptions) => Promise<Blob>} parts.getImage
 * @param {Memory} parts.memory
 */
export declare function createObjectUrls({ getImage, memory }: {
    getImage: (record: ImageRecord, options?: ImageOptions) => Promise<Blob>;
    memory: Memory;
}): {
    /**
     * @param {ImageRecord} record
     * @param {ImageOptions} [options]
     * @returns {Promise<ObjectUrl>}
     */
    objectUrl: (record: ImageRecord, options?: ImageOptions) => Promise<ObjectUrl>;
    /**
     * @param {ImageRecord} record
     * @returns {ObjectUrl | undefined}
     */
    peek(record: ImageRecord): ObjectUrl | undefined;
};
