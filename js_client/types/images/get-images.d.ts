/** Gets many images and yields each as soon as it is ready. */
import type { ImageRecord } from "../format/records.js";
import type { ImageOptions } from "../options/options.js";
export type ImageResult = {
    record: ImageRecord;
    blob: Blob;
    error?: undefined;
} | {
    record: ImageRecord;
    blob?: undefined;
    error: Error;
};
/** @import { ImageRecord } from "../format/records.js" */
/** @import { ImageOptions } from "../options/options.js" */
/** @typedef {{record: ImageRecord, blob: Blob, error?: undefined} | {record: ImageRecord, blob?: undefined, error: Error}} ImageResult */
/** @param {(record: ImageRecord, options: ImageOptions) => Promise<Blob>} getImage */
export declare function createGetImages(getImage: (record: ImageRecord, options: ImageOptions) => Promise<Blob>): (records: Iterable<ImageRecord>, imageOptions?: ImageOptions) => AsyncGenerator<ImageResult, void, void>;
