/** Image ids, `name` or `directory:name`, with `~variant` appended for a variant of that image; and tokens. */

/** @param {unknown} value */
export const isImageId = (value) =>
  typeof value === "string" && /^[\w-]{1,64}(:[\w-]{1,128})?(~[a-z0-9_-]{1,32})?$/.test(value);

/** @param {any} value */
export const isToken = (value) => Number.isSafeInteger(value) && value > 0;

/**
 * Whether an id equals `original` or is the id of one of its variants. Without `original`, every id matches.
 *
 * @param {string} id
 * @param {string} [original]
 */
export const isOf = (id, original = id) => `${id}~`.startsWith(`${original}~`);
