/**
 * What was deleted, by whichever tab, so that a download under way does not bring it back:
 * keys [time, namespace, id], for the variants of the image too, or [time, namespace] where all images of a namespace
 * were deleted.
 */
/**
 * Put up a tombstone, and clear old ones away.
 *
 * @param {IDBObjectStore} tombstones
 * @param {(number | string)[]} key
 */
export declare function bury(tombstones: IDBObjectStore, key: (number | string)[]): void;
/**
 * Look up what was deleted while these images were under way.
 *
 * @param {IDBObjectStore} tombstones
 * @param {string} namespace
 * @param {{since: number}[]} images
 * @returns {Promise<(id: string, since: number) => boolean>} tells whether an image was deleted at or after `since`
 */
export declare function buried(tombstones: IDBObjectStore, namespace: string, images: {
    since: number;
}[]): Promise<(id: string, since: number) => boolean>;
