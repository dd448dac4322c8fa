/** Image ids, `name` or `directory:name`, with `~variant` appended for a variant of that image; and tokens. */
/** @param {unknown} value */
export declare const isImageId: (value: unknown) => boolean;
/** @param {any} value */
export declare const isToken: (value: any) => boolean;
/**
 * Whether an id equals `original` or is the id of one of its variants. Without `original`, every id matches.
 *
 * @param {string} id
 * @param {string} [original]
 */
export declare const isOf: (id: string, original?: string) => boolean;
