/** Image ids, `name` or `directory:name`, and for a variant of that image `~variant` behind it; and tokens. */
/** @param {unknown} value */
export declare const isImageId: (value: unknown) => boolean;
/** @param {any} value */
export declare const isToken: (value: any) => boolean;
/**
 * Whether an id is this one, or that of a variant of it; where there is none, all are.
 *
 * @param {string} id
 * @param {string} [original]
 */
export declare const isOf: (id: string, original?: string) => boolean;
